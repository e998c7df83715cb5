"""How long one no-op takes, from its submission to its result."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measures.budget import SECONDS
from benchmarks.measures.measure import N_CPUS, Measure
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]

_WARM_UP = 200
_TIMES = 2000


def _run(kind: type[Peer]) -> float:
    peer = kind(N_CPUS)
    try:
        return _median_of(lambda: peer.result(peer.submit(noop, 1)))
    finally:
        peer.close()


def _raw_pipe() -> float:
    """A pickled message to a process that sends it back, through a ``multiprocessing.Pipe``."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_answer, args=(theirs,))
    process.start()
    try:

        def ask() -> None:
            ours.send((noop, 1))
            ours.recv()

        return _median_of(ask)
    finally:
        ours.send(None)
        process.join()


def _answer(connection: Any) -> None:
    while (message := connection.recv()) is not None:
        connection.send(message)


def _median_of(action: Callable[[], object]) -> float:
    _take(action, _WARM_UP)
    return statistics.median(_take(action, _TIMES)) * 1e6


def _take(action: Callable[[], object], most: int) -> list[float]:
    """Return how long the action took, so many times; of the slowest, as often as there was time for."""
    times: list[float] = []
    over = time.perf_counter() + SECONDS
    while len(times) < most and (start := time.perf_counter()) < over:
        action()
        times.append(time.perf_counter() - start)
    return times


MEASURE = Measure("round trip of a no-op", "µs", _run, _raw_pipe, "a raw mp.Pipe round trip", leaves_pool=True)
