"""How many tasks of 2 ms a second are done while a thread of the driver computes."""

from __future__ import annotations

import multiprocessing
import threading

from benchmarks.measures.measure import N_CPUS, Measure
from benchmarks.measures.spinning import rate_of_pool, rate_without_pool
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]

_N_WORKERS = max(1, N_CPUS - 1)  # the thread has a CPU of its own


def _run(kind: type[Peer]) -> float:
    peer = kind(_N_WORKERS)
    over = threading.Event()
    try:
        for handle in [peer.submit(noop) for _ in range(100)]:
            peer.result(handle)
        thread = threading.Thread(target=_compute, args=(over,))
        thread.start()
        try:
            return rate_of_pool(peer, 2, _N_WORKERS)
        finally:
            over.set()
            thread.join()
    finally:
        peer.close()


def _compute(over: threading.Event) -> None:
    while not over.is_set():
        for _ in range(1000):
            pass


def _ideal() -> float:
    """The same work without a pool, beside a process that computes."""
    context = multiprocessing.get_context("fork")
    neighbour = context.Process(target=_compute, args=(threading.Event(),))
    neighbour.start()
    try:
        return rate_without_pool(2, _N_WORKERS)
    finally:
        neighbour.kill()
        neighbour.join()


MEASURE = Measure(
    "tasks of 2 ms beside a busy driver", "/s", _run, _ideal, "the same without a pool", more_is_better=True
)
