"""A picture of who was busy when, as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from orion.executor._trace.recorder import Run

__all__ = ["COLOURS", "write_html"]

COLOURS = {True: "#4c9f70", False: "#c8553d"}
"""Of what has succeeded, and of what has not."""

_WIDTH = 1000
_ROW = 26
_LEFT = 150

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Who was busy when</title>
<style>body {{ font: 14px sans-serif; margin: 1.5em }} rect:hover {{ stroke: #000 }} text {{ font-size: 12px }}</style>
</head><body><h1>Who was busy when</h1><p>{summary}</p>
<svg viewBox="0 0 {width} {height}" width="100%" role="img" aria-label="{summary}">
{shapes}
</svg></body></html>
"""


def write_html(path: Path, runs: Sequence[Run], began: float) -> None:
    """Write the page: one row a worker, one bar a task, what is known of it when the mouse is over it."""
    lanes = sorted({run.lane for run in runs})
    total = max((run.ended - began for run in runs), default=0.0) or 1.0
    scale = (_WIDTH - _LEFT) / total
    shapes = [f'<text x="0" y="{row * _ROW + 17}">{escape(lane)}</text>' for row, lane in enumerate(lanes)]
    shapes += [_bar(run, lanes.index(run.lane), began, scale) for run in runs]
    busy = sum(run.ended - run.began for run in runs) / (total * max(1, len(lanes)))
    failed = sum(run.outcome != "done" for run in runs)
    summary = f"{len(runs)} tasks, {failed} failed, {len(lanes)} workers, {total:.3g} s, busy for {busy:.0%} of it"
    page = _PAGE.format(summary=summary, width=_WIDTH, height=max(1, len(lanes)) * _ROW, shapes="\n".join(shapes))
    path.write_text(page, encoding="utf-8")


def _bar(run: Run, row: int, began: float, scale: float) -> str:
    left, width = _LEFT + (run.began - began) * scale, max(0.5, (run.ended - run.began) * scale)
    facts = [f"{run.name} ({run.outcome})", f"ran {run.ended - run.began:.3g} s"]
    if run.submitted is not None:
        facts.append(f"waited {run.began - run.submitted:.3g} s")
    if run.attempt > 1:
        facts.append(f"attempt {run.attempt}")
    if run.peak_memory_gb:
        facts.append(f"peak memory {run.peak_memory_gb:.2f} GB")
    return (
        f'<rect x="{left:.2f}" y="{row * _ROW + 3}" width="{width:.2f}" height="{_ROW - 6}" '
        f'fill="{COLOURS[run.outcome == "done"]}"><title>{escape(", ".join(facts))}</title></rect>'
    )
