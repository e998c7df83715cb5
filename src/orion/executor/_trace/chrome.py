"""The Trace Event Format of Chrome and Perfetto: JSON with one event a slice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orion.executor._trace.recorder import Run

__all__ = ["write_chrome"]

_LOST = ("WorkerLost", "OutOfMemory", "TaskTimeout")


def write_chrome(path: Path, runs: Sequence[Run], began: float, counters: Mapping[str, object]) -> None:
    """Write a trace that https://ui.perfetto.dev and chrome://tracing open."""
    process = os.getpid()
    lanes = {lane: number for number, lane in enumerate(sorted({run.lane for run in runs}), start=1)}
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "args": {"name": "orion.executor"}},
        *(
            {"ph": "M", "name": "thread_name", "pid": process, "tid": number, "args": {"name": lane}}
            for lane, number in lanes.items()
        ),
    ]
    for run in runs:
        place = {"pid": process, "tid": lanes[run.lane]}
        events.append(_slice(run, began) | place)
        if run.outcome in _LOST:
            events.append(_mark(f"{run.outcome}: {run.name}", run.ended - began) | place)
        if run.attempt > 1:
            events.append(_mark(f"attempt {run.attempt}: {run.name}", run.began - began) | place)
    content = {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"counters": counters}}
    path.write_text(json.dumps(content), encoding="utf-8")


def _slice(run: Run, began: float) -> dict[str, Any]:
    return {
        "ph": "X",
        "name": run.name,
        "cat": "task" if run.outcome == "done" else "task,failed",
        "ts": (run.began - began) * 1e6,
        "dur": (run.ended - run.began) * 1e6,
        "args": {
            "task": run.task,
            "attempt": run.attempt,
            "outcome": run.outcome,
            "queue_time_s": None if run.submitted is None else run.began - run.submitted,
            "run_time_s": run.ended - run.began,
            "peak_memory_gb": run.peak_memory_gb,
        },
    }


def _mark(name: str, when: float) -> dict[str, Any]:
    return {"ph": "i", "s": "t", "name": name, "cat": "mark", "ts": when * 1e6}
