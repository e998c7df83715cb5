"""How long it takes to be given the one task of many that has ended; both numbers of many are made of it."""

from __future__ import annotations

import functools
import statistics
import time

from benchmarks.measures.measure import Measure
from benchmarks.measures.queueing import blocked
from benchmarks.peers import NotOffered, Peer
from benchmarks.tasks import noop

__all__ = ["measure_of"]

_TIMES = 5


def measure_of(pending: int, peers: tuple[str, ...]) -> Measure:
    """Return the measurement among so many pending."""
    run, limit = functools.partial(_run, pending), functools.partial(_memmove, pending)
    return Measure(f"one completion among {pending:,}", "µs", run, limit, "one list memmove", peers=peers)


def _run(pending: int, kind: type[Peer]) -> float:
    with blocked(kind) as pool:
        peer = pool.peer
        gates = [pool.block() for _ in range(_TIMES + 2)]  # the last one stays closed
        handles = gates + [peer.submit(noop) for _ in range(pending)]
        times = []
        for number, gate in enumerate(gates[:-1], start=1):
            pool.release(number)
            while not peer.is_done(gate):
                time.sleep(0.001)
            start = time.perf_counter()
            done = peer.take_done(handles)
            times.append(time.perf_counter() - start)
            if len(done) != 1:
                raise NotOffered("tasks do not run in the order of their submission: others had ended, too")
        return statistics.median(times[1:]) * 1e6


def _memmove(pending: int) -> float:
    """Taking the first of a list of so many."""
    items = list(range(pending))
    times = []
    for _ in range(200):
        time.sleep(0.001)  # as above: after it, nothing is in the CPU's caches
        start = time.perf_counter()
        del items[0]
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6
