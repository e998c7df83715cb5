"""How often the threads and processes of a pool wake up that has nothing to do."""

from __future__ import annotations

from benchmarks.measures.idling import measure_of

__all__ = ["MEASURE"]

MEASURE = measure_of("wake-ups when idle", "/s", "wakeups")
