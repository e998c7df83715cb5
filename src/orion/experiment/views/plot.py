"""A picture of an experiment's progress. It needs no display."""

from __future__ import annotations

import os
from itertools import accumulate
from pathlib import Path

from orion.experiment.errors import ArgumentError
from orion.experiment.recording.result import ExperimentResult

__all__ = ["check_plot", "write_plot"]

_FORMATS = (".png", ".pdf", ".svg")


def check_plot(path: Path) -> None:
    """Check, before anything runs, that a picture can be written there.

    Raises
    ------
    ArgumentError
        If it cannot, with the reason.
    """
    if path.suffix.lower() not in _FORMATS:
        raise ArgumentError(f"--plot {path}: the name must end in {', '.join(_FORMATS)}")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ArgumentError(f"--plot {path}: the folder does not exist")
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise ArgumentError(f"--plot {path}: cannot be written")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ArgumentError("--plot needs matplotlib: pip install 'orion-executor[experiment]'") from None


def write_plot(result: ExperimentResult, path: Path) -> None:
    """Draw each trial's objective value, the best value so far, and where trials failed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    points = [(trial.number, trial.value) for trial in result.trials if trial.value is not None]
    numbers = [number for number, _ in points]
    values = [value for _, value in points]
    best = list(accumulate(values, min if result.direction == "minimize" else max))
    axes.plot(numbers, values, "o", markersize=4, label="trial")
    axes.step(numbers, best, where="post", color="tab:red", label="best so far")
    for position, trial in enumerate(trial for trial in result.trials if trial.failure is not None):
        axes.axvline(trial.number, color="lightgray", zorder=0, label=None if position else "failed")
    axes.set_xlabel("trial")
    axes.set_ylabel("objective")
    axes.set_title(f"{result.name}: {len(points)} completed trials ({result.direction})")
    axes.legend()
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise ArgumentError(f"--plot {path}: {error.strerror}; the trials are recorded") from error
