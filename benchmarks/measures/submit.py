"""How long the caller of submit is kept."""

from __future__ import annotations

import time

from benchmarks.measures.measure import Measure
from benchmarks.measures.queueing import blocked
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]

_TASKS = 20_000


def _run(kind: type[Peer]) -> float:
    with blocked(kind) as pool:
        handles = [pool.block()]
        handles += [pool.peer.submit(noop, number) for number in range(1000)]
        start = time.perf_counter()
        handles += [pool.peer.submit(noop, number) for number in range(_TASKS)]
        return (time.perf_counter() - start) / _TASKS * 1e6


MEASURE = Measure("submit", "µs", _run)
