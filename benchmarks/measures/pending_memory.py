"""How much memory of the driver a pending task takes."""

from __future__ import annotations

import gc
import time

import psutil

from benchmarks.measures.budget import SECONDS
from benchmarks.measures.measure import Measure
from benchmarks.measures.queueing import blocked
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]

_PENDING = 50_000
_STEP = 1000


def _run(kind: type[Peer]) -> float:
    with blocked(kind) as pool:
        handles = [pool.block()]
        handles += [pool.peer.submit(noop, number) for number in range(1000)]
        before = _resident()
        over, pending = time.perf_counter() + 2 * SECONDS, 0
        while pending < _PENDING and time.perf_counter() < over:
            handles += [pool.peer.submit(noop, number) for number in range(_STEP)]
            pending += _STEP
        return (_resident() - before) / pending


def _resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


MEASURE = Measure("memory per pending task", "B", _run)
