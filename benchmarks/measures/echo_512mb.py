"""How fast an array of 512 MB travels to a task and back."""

from __future__ import annotations

from benchmarks.measures.echoing import measure_of

__all__ = ["MEASURE"]

MEASURE = measure_of(512, 3, ())  # the others take minutes
