"""The same as pictures: a panel a measurement, a bar a contestant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks import measures
from benchmarks.page import TABLES, measured
from benchmarks.report import number
from benchmarks.results import Results

__all__ = ["write_plots"]

_COLOURS = {True: "#2f6f9f", False: "#b5bcc2"}
"""Of our engines, and of the others."""


def write_plots(results: Results, folder: Path) -> None:
    """Write one picture for each table."""
    folder.mkdir(exist_ok=True)
    # The same values make the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 8}):
        for heading, names in TABLES.items():
            figure = Figure(figsize=(3.2 * len(names), 4.6), layout="constrained")
            FigureCanvasSVG(figure)
            for place, axes in enumerate(figure.subplots(1, len(names), sharey=True)):
                _panel(axes, results, names[place])
            figure.savefig(folder / f"{heading.split()[0].lower()}.svg", metadata={"Date": None})


def _panel(axes: Any, results: Results, name: str) -> None:
    measure = measures.load(name)
    titles, values, colours = [], [], []
    for contestant, value in measured(results, name):
        titles.append(contestant.title)
        values.append(value or 0.0)
        colours.append(_COLOURS[contestant.is_ours])
    bars = axes.barh(range(len(titles)), values, color=colours)
    axes.bar_label(bars, [number(value) if value else "–" for value in values], padding=2, fontsize=7)
    positive = [value for value in values if value > 0]
    if positive and max(positive) > 50 * min(positive):
        axes.set_xscale("log")
        axes.set_xlim(min(positive) / 3, max(positive) * 8)
    else:
        axes.set_xlim(0, max(positive, default=1.0) * 1.25)
    axes.set_yticks(range(len(titles)), titles)
    axes.set_ylim(len(titles) - 0.4, -0.6)
    axes.set_title(f"{measure.title}, {measure.unit}\n({'more' if measure.more_is_better else 'less'} is better)")
    axes.spines[["top", "right"]].set_visible(False)
