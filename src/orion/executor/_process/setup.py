"""What every worker is made with, and how it is made so."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from orion.executor._process.seeds import seed_apart

__all__ = ["WorkerSetup", "can_measure", "environment", "fit_out", "thread_limits"]

_USAGE = "/proc/self/statm"
_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class WorkerSetup(NamedTuple):
    """What a worker is made with; all of it plain data.

    Parameters
    ----------
    initializer
        A serialised call that every worker runs first.
    preload
        Modules that are imported once, before any worker is forked.
    devices
        The GPUs, one of which each worker sees.
    max_tasks
        After how many tasks a worker is replaced.
    max_memory_bytes
        Above which resident size, between tasks, a worker is replaced.
    """

    initializer: bytes | None = None
    preload: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    max_tasks: int | None = None
    max_memory_bytes: int | None = None

    def dumps(self) -> bytes:
        return pickle.dumps(tuple(self), protocol=5)

    @classmethod
    def loads(cls, data: bytes | memoryview) -> WorkerSetup:
        return cls(*pickle.loads(data))

    def import_preloaded(self) -> None:
        for name in self.preload:
            import_module(name)

    def worn_out(self, n_tasks: int) -> bool:
        """Return whether a worker that has run so many tasks should be replaced."""
        if self.max_tasks is not None and n_tasks >= self.max_tasks:
            return True
        return self.max_memory_bytes is not None and _resident_bytes() > self.max_memory_bytes


def environment(n_workers: int, n_cpus: int, changes: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the workers' environment: ``given`` with ``changes``, and a fair share of threads for numeric libraries.

    Without a limit, each worker's BLAS or OpenMP would start a thread for every CPU.
    A limit that the user has set, in either mapping, holds.
    """
    return {**thread_limits(n_workers, n_cpus, given), **given, **changes}


def thread_limits(n_workers: int, n_cpus: int, given: Mapping[str, str]) -> dict[str, str]:
    """Return the limits of numeric libraries' threads that ``given`` does not set: a fair share of the CPUs."""
    share = str(max(1, n_cpus // n_workers))
    return {name: share for name in _THREAD_LIMITS if name not in given}


def fit_out(devices: Sequence[str], device: int) -> None:
    """Make a freshly forked process differ from its siblings: its own GPU, its own random numbers."""
    if devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices[device]
    seed_apart()


def can_measure() -> bool:
    """Return whether this system tells how much memory a process uses."""
    return os.path.exists(_USAGE)


def _resident_bytes() -> int:
    with open(_USAGE) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
