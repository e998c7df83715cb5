"""How much memory of the driver a pending task takes."""

from __future__ import annotations

import gc

import psutil

from benchmarks.measures.measure import Measure
from benchmarks.measures.queueing import blocked
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]

_PENDING = 50_000


def _run(kind: type[Peer]) -> float:
    with blocked(kind) as pool:
        handles = [pool.block()]
        handles += [pool.peer.submit(noop, number) for number in range(1000)]
        before = _resident()
        handles += [pool.peer.submit(noop, number) for number in range(_PENDING)]
        return (_resident() - before) / _PENDING


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


MEASURE = Measure("memory per pending task", "B", _run)
