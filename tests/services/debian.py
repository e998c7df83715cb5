"""What tests need of Debian: ``python -m tests.services.debian`` installs what is missing, and asks no questions.

Installing needs root. Without it one line a program tells what to install, and the tests that need it are skipped; with
``--required`` that is an error, as any other failure is.
"""

from __future__ import annotations

import argparse
import glob
import importlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["CHROMIUM", "NotInstalled", "Software", "find", "install", "needs"]

_SERVICES = ("dask_tls", "mysql", "postgres", "slurm")
"""The modules of this package whose constant ``SOFTWARE`` says what they need."""
_FURTHER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on an ordinary user's PATH
_APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3")
_TRIES = 4
_PAUSE_SECONDS = 15.0


class NotInstalled(Exception):
    """Raised when something is missing that could not be installed."""


@dataclass(frozen=True)
class Software:
    """Programs, and the packages that have them.

    Parameters
    ----------
    name
        What it is called in messages.
    programs
        Their names.
    packages
        Debian's names.
    folders
        Patterns of where the programs may be, besides on the PATH.
    """

    name: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]
    folders: tuple[str, ...] = ()

    def is_installed(self) -> bool:
        return all(find(program, *self.folders) for program in self.programs)

    def advice(self) -> str:
        return f"{self.name} is not installed; as root: apt-get install {' '.join(self.packages)}"


CHROMIUM = Software("Chromium", ("chromium",), ("chromium",))


def find(program: str, *folders: str) -> str | None:
    """Return the path of a program, which may also be where only root has it on the PATH, or in ``folders``."""
    further = [path for pattern in folders for path in sorted(glob.glob(pattern))]
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *further, *_FURTHER_FOLDERS]))


def needs(*software: Software) -> pytest.MarkDecorator:
    """Return the mark that skips a test where software is missing, and says how to install it."""
    import pytest  # the services themselves do without

    missing = [one.advice() for one in software if not one.is_installed()]
    return pytest.mark.skipif(bool(missing), reason="; ".join(missing))


def install(*software: Software) -> None:
    """Install what is missing, for root.

    Raises
    ------
    NotInstalled
        If it is not there afterwards; the message is a line for each.
    """
    missing = [one for one in software if not one.is_installed()]
    if not missing:
        return
    if os.geteuid() == 0:
        said = _install([package for one in missing for package in one.packages])
        missing = [one for one in missing if not one.is_installed()]
        if missing and said:
            raise NotInstalled("\n".join(f"{one.name} could not be installed: {said}" for one in missing))
    if missing:
        raise NotInstalled("\n".join(one.advice() for one in missing))


def _install(packages: list[str]) -> str:
    """Install packages; return what apt says in the end if it fails."""
    command = [*_APT, "install", "-y", "--no-install-recommends", *packages]
    said = _fails(command)
    for _ in range(_TRIES):  # others may be installing too, and only some of apt's locks can be waited for
        if not said:
            break
        said = _fails([*_APT, "update"]) or _fails(command)
        if said:
            time.sleep(_PAUSE_SECONDS)
    return said


def _fails(command: list[str]) -> str:
    """Return what a command says if it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return f"there is no {command[0]} here"
    return "" if done.returncode == 0 else " ".join(done.stdout.split()[-60:]) or f"exit code {done.returncode}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--required", action="store_true", help="fail if something cannot be installed")
    arguments = parser.parse_args()
    modules = [importlib.import_module(f"tests.services.{name}") for name in _SERVICES]
    try:
        install(CHROMIUM, *(module.SOFTWARE for module in modules))
    except NotInstalled as error:
        print(error, file=sys.stderr)
        if arguments.required:
            sys.exit(1)


if __name__ == "__main__":
    main()
