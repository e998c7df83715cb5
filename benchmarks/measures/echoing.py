"""How fast an array travels to a task and back; the measurements of both sizes are made of it."""

from __future__ import annotations

import functools
import statistics
import time

import numpy

from benchmarks.measures.budget import SECONDS
from benchmarks.measures.measure import Measure
from benchmarks.peers import Peer
from benchmarks.tasks import echo, noop

__all__ = ["measure_of"]

_WARM_UP = 5


def measure_of(megabytes: int, times: int, peers: tuple[str, ...]) -> Measure:
    """Return the measurement for arrays of that size, each sent ``times`` times."""
    return Measure(
        f"echo of a {megabytes} MB array",
        "GB/s",
        functools.partial(_run, megabytes, times),
        functools.partial(_memcpy, megabytes, times),
        "memcpy",
        more_is_better=True,
        peers=peers,
        leaves_pool=True,
    )


def _run(megabytes: int, times: int, kind: type[Peer]) -> float:
    peer = kind(1)
    try:
        peer.result(peer.submit(noop))
        array = numpy.random.default_rng(1).integers(0, 1 << 60, megabytes * 1_000_000 // 8)
        seconds: list[float] = []
        over = time.perf_counter() + 2 * SECONDS
        while len(seconds) < _WARM_UP + times and (time.perf_counter() < over or len(seconds) < 4):
            start = time.perf_counter()
            back = peer.result(peer.submit(echo, array))
            seconds.append(time.perf_counter() - start)
            assert back[0] == array[0]
            assert back[-1] == array[-1]
            del back
        return 2 * array.nbytes / statistics.median(seconds[min(_WARM_UP, len(seconds) // 2) :]) / 1e9  # there and back
    finally:
        peer.close()


def _memcpy(megabytes: int, times: int) -> float:
    array = numpy.ones(megabytes * 1_000_000 // 8)
    target = numpy.ones_like(array)
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        numpy.copyto(target, array)
        seconds.append(time.perf_counter() - start)
    return array.nbytes / statistics.median(seconds) / 1e9
