"""How many tasks of 100 ms a second are done."""

from __future__ import annotations

from benchmarks.measures.spinning import measure_of

__all__ = ["MEASURE"]

MEASURE = measure_of(100)
