"""The commands that look at experiments."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from orion.experiment import Experiment
from orion.experiment.cli.app import main
from orion.experiment.recording.result import ExperimentResult, TrialRecord

PLOTS = ["history", "parallel", "importance", "timeline", "slice"]


def objective(x: float, k: str) -> dict[str, float]:
    if k == "c":
        raise ValueError(f"no {k}\nwith more lines")
    return {"objective": x * x, "double": 2 * x}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a storage with an experiment of completed and failed trials."""
    file = tmp_path_factory.mktemp("views") / "e.db"
    experiment = Experiment(
        "e", {"x": "uniform(-1, 1)", "k": "choices(['a', 'b', 'c'])"}, file, sampler="random", seed=3
    )
    experiment.run(objective, 12, "single", progress=False)
    # Matplotlib keeps the fonts that it has used open.
    assert main(["plot", "parallel", "-n", "e", "--storage", str(file), "-o", str(file.with_suffix(".png"))]) == 0
    assert main(["plot", "timeline", "-n", "e", "--storage", str(file), "-o", str(file.with_suffix(".png"))]) == 0
    return file


def shown(capsys: pytest.CaptureFixture[str], *arguments: str | Path, status: int = 0) -> str:
    assert main(list(map(str, arguments))) == status
    return capsys.readouterr().out


def test_results_for_other_programs(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = shown(capsys, "results", "-n", "e", "--storage", recorded, "--csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    lines = shown(capsys, "results", "-n", "e", "--storage", recorded, "--json").splitlines()
    trials = Experiment("e", None, recorded).result().trials
    assert [int(row["trial"]) for row in rows] == [json.loads(line)["trial"] for line in lines] == list(range(12))
    for row, line, trial in zip(rows, map(json.loads, lines), trials, strict=True):
        assert row["state"] == line["state"] == trial.state
        assert float(row["x"]) == line["x"] == trial.parameters["x"]
        assert line["objective"] == trial.value
        assert row["reason"] == trial.reason
        if trial.value is not None:
            assert float(row["double"]) == 2 * trial.parameters["x"]
    assert len(shown(capsys, "results", "-n", "e", "--storage", recorded).splitlines()) == 14


def test_failures_are_grouped(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = shown(capsys, "show", "-n", "e", "--storage", recorded)
    failed = [trial.number for trial in Experiment("e", None, recorded).result().trials if trial.failure]
    assert failed
    numbers = ", ".join(map(str, failed))
    assert f"  {len(failed)} by exception: ValueError: no c (trials {numbers})\n" in output


def test_the_best_and_the_list(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = Experiment("e", None, recorded).result().best
    assert best is not None
    found = json.loads(shown(capsys, "best", "-n", "e", "--storage", recorded, "--json"))
    assert found == {"trial": best.number, "values": [best.value], "parameters": best.parameters}
    assert shown(capsys, "best", "-n", "e", "--storage", recorded).splitlines()[2].split()[0] == str(best.number)
    head, _, line = shown(capsys, "list", "--storage", recorded).splitlines()
    assert head.split() == ["experiment", "completed", "failed", "best", "direction"]
    assert line.split()[0] == "e"
    assert line.split()[-1] == "minimize"


@pytest.mark.parametrize("kind", PLOTS)
@pytest.mark.parametrize("suffix", ["png", "html"])
def test_plots(kind: str, suffix: str, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"p.{suffix}"
    shown(capsys, "plot", kind, "-n", "e", "--storage", recorded, "-o", file)
    content = file.read_bytes()
    assert (b"\x89PNG" if suffix == "png" else b"<html>") in content[:100]
    assert len(content) > 5000


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["plot", "pareto"], "two or three objectives"),
        (["plot", "history", "-o", "p.jpeg"], "must end in"),
        (["plot", "history", "-o", "no/p.png"], "cannot be written"),
        (["plot", "circles"], "'circles' is not one of"),
        (["dashboard", "--port", "99999"], "cannot listen on port 99999"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    arguments: list[str], reason: str, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = [] if arguments[0] == "dashboard" else ["-n", "e"]
    assert main([*arguments, *name, "--storage", str(recorded)]) == 2
    message = capsys.readouterr().err
    assert reason in message
    assert len(message.splitlines()) == 1


def test_an_experiment_shows_itself_in_a_notebook(recorded: Path, tmp_path: Path) -> None:
    html = Experiment("e", None, recorded)._repr_html_()
    assert html.count("<tr>") == 1 + min(
        10, sum(it.state == "completed" for it in Experiment("e", None, recorded).result().trials)
    )
    assert "has not been run" in Experiment("new", {"x": "uniform(0, 1)"}, tmp_path / "new.db")._repr_html_()
    odd = ExperimentResult("<e>", "minimize", (TrialRecord(0, "completed", {"x": "<b>"}, 1.0, values=(1.0,)),))
    assert "<b>" not in odd._repr_html_()
    assert "&lt;b&gt;" in odd._repr_html_()


def test_of_several_objectives_the_front_is_shown() -> None:
    points = [(1.0, 5.0), (2.0, 6.0), (3.0, 4.0), (1.0, 5.0)]
    trials = tuple(TrialRecord(number, "completed", {}, values=point) for number, point in enumerate(points))
    result = ExperimentResult("e", "minimize", trials, ("maximize",))
    assert [trial.number for trial in result.front()] == [0, 3, 1]
    assert result.summary() == "e: 4 completed (minimize, maximize)"
    assert [row["objective 1"] for row in result.rows()] == [5.0, 6.0, 4.0, 5.0]


def test_events_for_other_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "e.db").run(lambda x: x, 3, "single", progress="json")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["started", *["trial_started", "trial_ended"] * 3]
    assert events[-1]["completed"] == 3
    assert events[-1]["best"]["values"] == [min(event["values"][0] for event in events[2::2])]
