"""How fast an array of 32 MB travels to a task and back."""

from __future__ import annotations

from benchmarks.measures.echoing import measure_of

__all__ = ["MEASURE"]

MEASURE = measure_of(32, 7, ("mp.Pool", "cf", "loky", "pebble", "mpire", "dask"))
