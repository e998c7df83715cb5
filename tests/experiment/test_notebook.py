"""Experiments in a notebook: a bar while they run, tables of what they have found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.notebooks import run_notebook

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

RUN = """
from orion.experiment import Experiment

def cost(x):
    if x > 0.9:
        raise ValueError("too <large>")
    return x * x

experiment = Experiment("in a notebook", {"x": "uniform(0, 1)"}, sampler="random", seed=2)
result = experiment.run(cost, max_trials=8, n_workers=2)
"""


HIDDEN = """
import importlib.util

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *package: None if name == "ipywidgets" else find(name, *package)
"""


def texts(outputs: list[dict[str, Any]], kind: str) -> str:
    """Return what a cell or a widget shows, of one MIME type."""
    return "\n".join("".join(output.get("data", {}).get(kind, "")) for output in outputs)


def test_a_bar_and_tables(tmp_path: Path) -> None:
    pytest.importorskip("ipywidgets")
    notebook = run_notebook([RUN, "experiment", "result"], tmp_path)
    run, experiment, result = (cell["outputs"] for cell in notebook["cells"])
    assert "in a notebook: new experiment, 8 trials" in texts(run, "text/plain")
    assert texts(run, "text/plain").count("failed: ValueError: too <large>") == 2
    models = notebook["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    (bar,) = (model["state"]["outputs"] for model in models if model["model_name"] == "OutputModel")
    shown = texts(bar, "text/plain")
    assert "━" in shown
    assert "8/8" in shown, "the end is shown too"
    assert "2 failed" in shown
    assert "running" not in shown
    for cell in (experiment, result):
        table = texts(cell, "text/html")
        assert "<p>in a notebook: 6 completed, 2 failed (minimize)</p><table>" in table
        assert table.count("<tr>") == 1 + 6


def test_without_widgets_there_are_lines(tmp_path: Path) -> None:
    _, cell = run_notebook([HIDDEN, RUN], tmp_path)["cells"]
    lines = "".join("".join(output["text"]) for output in cell["outputs"] if output.get("name") == "stderr")
    assert "in a notebook: new experiment, 8 trials" in lines
    assert "[8/8] trial " in lines
