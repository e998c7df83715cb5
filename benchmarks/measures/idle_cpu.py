"""How much CPU time a pool uses that has nothing to do."""

from __future__ import annotations

from benchmarks.measures.idling import measure_of

__all__ = ["MEASURE"]

MEASURE = measure_of("CPU when idle", "ms/s", "cpu_ms")
