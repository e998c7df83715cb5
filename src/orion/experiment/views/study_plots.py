"""Pictures of an experiment, drawn by Optuna: PNG with matplotlib, HTML with plotly. They need no display."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning

from orion.experiment.errors import ArgumentError
from orion.experiment.recording.records import find_study
from orion.experiment.storage import Database
from orion.experiment.views.timeline import draw_timeline

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["draw"]

_PICTURES = (".png", ".svg", ".pdf")
_PLOTS = {
    "history": "plot_optimization_history",
    "parallel": "plot_parallel_coordinate",
    "importance": "plot_param_importances",
    "slice": "plot_slice",
    "pareto": "plot_pareto_front",
}


def draw(database: Database, name: str, kind: str, output: Path) -> None:
    """Draw an experiment.

    Parameters
    ----------
    database, name
        Which one.
    kind
        ``history``, ``parallel``, ``importance``, ``slice``, ``pareto`` or ``timeline``.
    output
        The file; its name ends in ``.png``, ``.svg``, ``.pdf`` or ``.html``.

    Raises
    ------
    ArgumentError
        If it cannot be drawn, or written there.
    """
    suffix = output.suffix.lower()
    if suffix not in (*_PICTURES, ".html"):
        raise ArgumentError(f"{output}: the name must end in {', '.join((*_PICTURES, '.html'))}")
    folder = output.absolute().parent
    if output.is_dir() or not os.access(output if output.exists() else folder, os.W_OK):
        raise ArgumentError(f"{output}: cannot be written")
    with database.errors():
        study = find_study(database, name)
        if kind == "timeline":
            draw_timeline(study, output)
            return
        if not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
            raise ArgumentError(f"{name}: no trial has completed yet, so there is nothing to draw")
        (_write_page if suffix == ".html" else _write_picture)(study, kind, output)


def _write_page(study: optuna.Study, kind: str, output: Path) -> None:
    try:
        import plotly  # noqa: F401  # Optuna's own message on its absence is long
    except ImportError:
        raise ArgumentError("HTML plots need plotly: pip install 'orion-executor[dashboard]'") from None
    figure = _drawn(optuna.visualization, study, kind)
    figure.write_html(output)


def _write_picture(study: optuna.Study, kind: str, output: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = _drawn(optuna.visualization.matplotlib, study, kind)
    first = axes if hasattr(axes, "figure") else axes.flat[0]
    first.figure.savefig(output, dpi=120, bbox_inches="tight")
    pyplot.close("all")


def _drawn(module: ModuleType, study: optuna.Study, kind: str) -> Any:
    function: Callable[..., Any] = getattr(module, _PLOTS[kind])
    several = len(study.directions) > 1
    if (kind == "pareto") != several and kind == "pareto":
        raise ArgumentError("a Pareto front needs two or three objectives")
    options: dict[str, Any] = {}
    if several and kind != "pareto":
        options = {"target": lambda trial: trial.values[0], "target_name": "objective 0"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            return function(study, **options)
        except (ValueError, RuntimeError) as error:  # too few trials, say
            raise ArgumentError(f"{study.study_name}: {' '.join(str(error).split())}") from error
