"""Computing tasks of a given length, with a pool and without; the measurements of efficiency are made of it."""

from __future__ import annotations

import functools
import multiprocessing
import os
import time

from benchmarks.measures.budget import tasks_within
from benchmarks.measures.measure import N_CPUS, Measure
from benchmarks.peers import Peer
from benchmarks.tasks import spin

__all__ = ["measure_of", "rate_of_pool", "rate_without_pool"]

# The amount of computing in a millisecond, roughly; fixed, so that all contestants do the same.
_LOOPS_PER_MS = int(os.environ.get("BENCH_LOOPS_PER_MS", "40000"))
_MILLISECONDS = 1000


def measure_of(milliseconds: int) -> Measure:
    """Return the measurement of how many tasks of that length are done in a second."""
    return Measure(
        f"tasks of {milliseconds} ms",
        "/s",
        functools.partial(_run, milliseconds),
        functools.partial(rate_without_pool, milliseconds, N_CPUS),
        "spinning without a pool",
        more_is_better=True,
        leaves_pool=True,
    )


def _run(milliseconds: int, kind: type[Peer]) -> float:
    peer = kind(N_CPUS)
    try:
        most = tasks_within(peer, N_CPUS * _MILLISECONDS // milliseconds)
        return rate_of_pool(peer, milliseconds, N_CPUS, most)
    finally:
        peer.close()


def rate_of_pool(peer: Peer, milliseconds: int, n_workers: int, most: int | None = None) -> float:
    """Return how many such tasks a pool does in a second, measured with ``most`` of them at most."""
    tasks = n_workers * _MILLISECONDS // milliseconds
    tasks = tasks if most is None else min(tasks, most)
    start = time.perf_counter()
    peer.results([peer.submit(spin, milliseconds * _LOOPS_PER_MS) for _ in range(tasks)])
    return tasks / (time.perf_counter() - start)


def rate_without_pool(milliseconds: int, n_processes: int) -> float:
    """Return how many such calls are made in a second by processes that do nothing else."""
    context = multiprocessing.get_context("fork")
    tasks = _MILLISECONDS // milliseconds
    ready, go = context.Semaphore(0), context.Event()
    processes = [
        context.Process(target=_spin_alone, args=(ready, go, tasks, milliseconds * _LOOPS_PER_MS))
        for _ in range(n_processes)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    start = time.perf_counter()
    go.set()
    for process in processes:
        process.join()
    return n_processes * tasks / (time.perf_counter() - start)


def _spin_alone(ready: multiprocessing.Semaphore, go: multiprocessing.Event, tasks: int, loops: int) -> None:  # type: ignore[valid-type]  # they are made by functions
    ready.release()
    go.wait()
    for _ in range(tasks):
        spin(loops)
