"""How much of a measurement is taken of those that need very long for it: as much as makes its value reliable."""

from __future__ import annotations

import time

from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["SECONDS", "tasks_within"]

SECONDS = 1.0
"""How long the slowest may take for one value."""
_TASKS = 100


def tasks_within(peer: Peer, most: int, seconds: float = SECONDS) -> int:
    """Return how many tasks to measure: ``most``, or as many no-ops as take ``seconds``; workers are warm then."""
    for _ in range(2):  # the first time, workers start
        start = time.perf_counter()
        peer.results([peer.submit(noop, number) for number in range(_TASKS)])
        each = (time.perf_counter() - start) / _TASKS
    return max(_TASKS, min(most, int(seconds / each)))
