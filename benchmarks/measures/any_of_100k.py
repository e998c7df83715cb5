"""How long it takes to be given the one task of 100,000 that has ended."""

from __future__ import annotations

import statistics
import time

from benchmarks.measures.measure import Measure
from benchmarks.measures.queueing import blocked
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]

_PENDING = 100_000
_TIMES = 5


def _run(kind: type[Peer]) -> float:
    with blocked(kind) as pool:
        peer = pool.peer
        gates = [pool.block() for _ in range(_TIMES + 2)]  # the last one stays closed
        handles = gates + [peer.submit(noop) for _ in range(_PENDING)]
        times = []
        for number, gate in enumerate(gates[:-1], start=1):
            pool.release(number)
            while not peer.is_done(gate):
                time.sleep(0.001)
            start = time.perf_counter()
            done = peer.take_done(handles)
            times.append(time.perf_counter() - start)
            assert len(done) == 1
        return statistics.median(times[1:]) * 1e6


def _memmove() -> float:
    """Taking the first of a list of so many."""
    items = list(range(_PENDING))
    times = []
    for _ in range(200):
        time.sleep(0.001)  # as above: after it, nothing is in the CPU's caches
        start = time.perf_counter()
        del items[0]
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


MEASURE = Measure("one completion among 100,000", "µs", _run, _memmove, "one list memmove", peers=("mp.Pool", "cf"))
