"""A picture of which worker ran which trial when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna

from orion.experiment.errors import ArgumentError
from orion.experiment.recording.records import as_result

__all__ = ["draw_timeline"]

_COLOURS = {"completed": "tab:green", "pruned": "tab:orange", "failed": "tab:red"}


@dataclass(frozen=True)
class _Bar:
    worker: str
    label: str
    outcome: str
    start: float
    end: float


def draw_timeline(study: optuna.Study, output: Path) -> None:
    """Draw a row for each worker, with a bar for each attempt of a trial that it has run.

    Raises
    ------
    ArgumentError
        If no attempt is recorded.
    """
    bars = _bars(study)
    if not bars:
        raise ArgumentError(f"{study.study_name}: no attempt has ended yet, so there is nothing to draw")
    workers = sorted({bar.worker for bar in bars})
    if output.suffix.lower() == ".html":
        _write_page(bars, workers, study.study_name, output)
    else:
        _write_picture(bars, workers, study.study_name, output)


def _bars(study: optuna.Study) -> list[_Bar]:
    return [
        _Bar(
            f"{attempt.get('host', '?')} {attempt.get('pid', '')}",
            f"trial {trial.number}" + (f", attempt {attempt['attempt']}" if attempt["attempt"] > 1 else ""),
            attempt["outcome"],
            attempt["started"],
            attempt["ended"],
        )
        for trial in as_result(study).trials
        for attempt in trial.attempts
        if attempt["ended"] is not None  # killed with its driver, nobody knows when
    ]


def _write_picture(bars: list[_Bar], workers: list[str], name: str, output: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(10, 1.5 + 0.4 * len(workers)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    began = min(bar.start for bar in bars)
    for bar in bars:
        colour = _COLOURS.get(bar.outcome, "tab:gray")
        axes.barh(workers.index(bar.worker), bar.end - bar.start, left=bar.start - began, color=colour, edgecolor="w")
    axes.set_yticks(range(len(workers)), workers)
    axes.set_xlabel(f"seconds since {datetime.fromtimestamp(began):%Y-%m-%d %H:%M:%S}")
    axes.set_title(f"{name}: workers and trials")
    axes.legend(handles=[Patch(color=colour, label=outcome) for outcome, colour in _COLOURS.items()])
    figure.savefig(output, dpi=120)


def _write_page(bars: list[_Bar], workers: list[str], name: str, output: Path) -> None:
    try:
        from plotly import graph_objects
    except ImportError:
        raise ArgumentError("HTML plots need plotly: pip install 'orion-executor[dashboard]'") from None
    figure: Any = graph_objects.Figure()
    for outcome in sorted({bar.outcome for bar in bars}):
        chosen = [bar for bar in bars if bar.outcome == outcome]
        figure.add_bar(
            name=outcome,
            orientation="h",
            y=[bar.worker for bar in chosen],
            base=[datetime.fromtimestamp(bar.start).isoformat() for bar in chosen],
            x=[(bar.end - bar.start) * 1000 for bar in chosen],
            text=[bar.label for bar in chosen],
        )
    figure.update_layout(
        title=f"{name}: workers and trials", barmode="overlay", xaxis={"type": "date"},
        yaxis={"categoryorder": "array", "categoryarray": workers},
    )  # fmt: skip
    figure.write_html(output)
