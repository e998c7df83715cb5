"""Another host, made of a network namespace and a host name of its own; it shares this one's files. Needs root and ip.

with other_host() as host:
    subprocess.run([*host.enter, "hostname"])  # on the other one, which reaches this one at host.here
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

__all__ = ["NAME", "Host", "can_be_made", "other_host"]

NAME = "other-host"


class Host(NamedTuple):
    """What is needed to use it."""

    here: str
    """This host's address on the link between the two."""
    there: str
    """The other one's."""
    enter: list[str]
    """How a command begins that is to run there."""


def can_be_made() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"orion-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
        return False
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return True


@contextmanager
def other_host() -> Iterator[Host]:
    """Make it; afterwards it is gone, with the link to it."""
    space, link, far = (f"orion-{part}-{os.getpid()}"[:15] for part in ("ns", "l", "f"))
    network = f"198.18.{os.getpid() % 256}"  # for tests of networks (RFC 2544)
    here, there = f"{network}.1", f"{network}.2"
    with ExitStack() as stack:
        _ip("netns", "add", space)
        stack.callback(_ip, "netns", "delete", space)
        _ip("link", "add", link, "type", "veth", "peer", "name", far, "netns", space)
        _ip("address", "add", f"{here}/30", "dev", link)
        _ip("link", "set", link, "up")
        for command in (
            ["address", "add", f"{there}/30", "dev", far],
            ["link", "set", far, "up"],
            ["link", "set", "lo", "up"],
        ):
            _ip("-n", space, *command)
        enter = ["ip", "netns", "exec", space, "unshare", "--uts", "sh", "-c", f'hostname {NAME} && exec "$@"', "sh"]
        yield Host(here, there, enter)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
