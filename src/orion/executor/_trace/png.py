"""A picture of who was busy when, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from orion.executor._trace.html import COLOURS
from orion.executor._trace.recorder import Run

__all__ = ["write_png"]


def write_png(path: Path, runs: Sequence[Run], began: float) -> None:
    """Write the picture: one row a worker, one bar a task."""
    lanes = sorted({run.lane for run in runs})
    figure = Figure(figsize=(10, 1.2 + 0.35 * len(lanes)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for row, lane in enumerate(lanes):
        for succeeded, colour in COLOURS.items():
            bars = [
                (run.began - began, run.ended - run.began)
                for run in runs
                if run.lane == lane and (run.outcome == "done") is succeeded
            ]
            axes.broken_barh(bars, (row - 0.4, 0.8), facecolors=colour)
    axes.set_yticks(range(len(lanes)), lanes)
    axes.set_xlabel("seconds")
    axes.invert_yaxis()
    figure.savefig(path, dpi=120)
