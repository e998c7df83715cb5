"""A Ray for the tests of a module, since it takes seconds to start; and what such a test leaves behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orion.executor.ray_backend import Ray
from tests.leftovers import Standing, left_since

__all__ = ["asking_for", "local_ray", "nothing_left_but_ray"]

PATIENCE = 20.0
"""Seconds that what is ending may take to end."""


@contextmanager
def local_ray(token: Path, num_cpus: int = 6, num_gpus: int = 2) -> Iterator[Ray]:
    """Start a Ray that all executors share that are made meanwhile; afterwards nothing of it may be left."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in asking_for(token).items():
            patch.setenv(name, value)
        before = Standing.now()
        holder = Ray(1, num_cpus=num_cpus, num_gpus=num_gpus, log_to_driver=False)
        try:
            yield holder
        finally:
            holder.close()
        assert not list(Path(tempfile.gettempdir()).glob(f"orion-ray-{os.getpid()}-*"))
        left = left_since(before, PATIENCE, _opened_by_ray)
        assert not left, "left behind by Ray:\n  " + "\n  ".join(left)


def asking_for(token: Path) -> dict[str, str]:
    """Return the environment in which a Ray that is started asks for a token."""
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}


@contextmanager
def nothing_left_but_ray(*, descriptors: bool = False) -> Iterator[None]:
    """Fail a test that leaves something behind that is none of a Ray that goes on running.

    ``descriptors`` says that the test has connected to Ray and no longer is, after which some of Ray's stay open.
    """
    before = Standing.now()
    yield
    left = left_since(
        before, PATIENCE, lambda thing, name: _of_ray(thing, name) or (descriptors and _opened_by_ray(thing, name))
    )
    assert not left, "left behind by this test:\n  " + "\n  ".join(left)


def _opened_by_ray(_: object, name: str) -> bool:
    """Return whether something is a descriptor; Ray leaves a few open in a process that was connected to it."""
    return name.startswith("file descriptor")


def _of_ray(thing: object, name: str) -> bool:
    """Return whether something belongs to a Ray that is running: its processes, and this process's connections to them.

    Idle hosts wait below Ray's raylet for the next test. All of it is looked for when Ray has ended.
    """
    if isinstance(thing, psutil.Process):
        try:
            return any("raylet" in parent.name() for parent in thing.parents())
        except psutil.Error:  # it has ended
            return True
    return "-> socket:" in name
