"""How long it takes to be given the one task of 100,000 that has ended."""

from __future__ import annotations

from benchmarks.measures.finding import measure_of

__all__ = ["MEASURE"]

MEASURE = measure_of(100_000, ("mp.Pool", "cf"))
