"""A Ray for the tests of a module, since it takes seconds to start; and what such a test leaves behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from orion.executor.ray_backend import Ray
from tests.leftovers import Standing, left_since

__all__ = ["local_ray", "of_ray"]

PATIENCE = 20.0
"""Seconds that what is ending may take to end."""


@contextmanager
def local_ray(folder: Path, num_cpus: int = 6, num_gpus: int = 2) -> Iterator[Ray]:
    """Start a Ray that all executors share that are made meanwhile; afterwards nothing of it may be left."""
    with own_token(folder):
        before = Standing.now()
        holder = Ray(1, num_cpus=num_cpus, num_gpus=num_gpus, log_to_driver=False)
        try:
            yield holder
        finally:
            holder.close()
        assert not list(Path(tempfile.gettempdir()).glob(f"orion-ray-{os.getpid()}-*"))
        left = left_since(before, PATIENCE, _opened_by_ray)
        assert not left, "left behind by Ray:\n  " + "\n  ".join(left)


@contextmanager
def own_token(folder: Path) -> Iterator[None]:
    """Have Ray ask for a token that only this user can read, and that is no other cluster's."""
    token = folder / "ray-token"
    token.touch(mode=0o600)
    token.write_text(os.urandom(24).hex())
    wanted = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _opened_by_ray(_: object, name: str) -> bool:
    """Return whether something is a descriptor; Ray leaves a few open in a process that was connected to it."""
    return name.startswith("file descriptor")


def of_ray(thing: object, name: str) -> bool:
    """Return whether something belongs to a Ray that is running: its processes, and this process's connections to them.

    Idle hosts wait below Ray's raylet for the next test. All of it is looked for when Ray has ended.
    """
    if isinstance(thing, psutil.Process):
        try:
            return any("raylet" in parent.name() for parent in thing.parents())
        except psutil.Error:  # it has ended
            return True
    return "-> socket:" in name
