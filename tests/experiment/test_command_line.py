"""The command line: what it prints, what it refuses, how it exits."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from orion.experiment import Experiment
from orion.experiment.cli.app import main
from tests.experiment.drivers import Start

OBJECTIVE = """
def objective(x):
    return x * x

def fails(x):
    raise RuntimeError("always")

VALUE = 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "cli_objective", raising=False)
    (tmp_path / "cli_objective.py").write_text(OBJECTIVE)


def run(*arguments: str) -> int:
    """Run an experiment with the arguments that matter in a test."""
    return main(["run", "-n", "e", *arguments, "--executor", "single", "--max-trials", "3"])


X = ("--space", "x=uniform(0, 1)")


def test_an_engine_gets_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    limited = ("--executor", "process", "--executor-option", "max_tasks_per_worker=1", "--executor-option")
    arguments = ("run", "-n", "e", "cli_objective.py:objective", *X, "--max-trials", "3")
    assert main([*arguments, *limited, 'env={"A": "1"}']) == 0
    capsys.readouterr()
    for option, words in (
        ("colour=red", "n_workers, "),
        ("max_tasks_per_worker=-1", "max_tasks_per_worker"),
        ("alone", "NAME=VALUE"),
    ):
        assert main([*arguments, *limited, option]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_a_run_from_start_to_end_and_its_picture(start: Start, tmp_path: Path) -> None:
    process = start(
        "run", "-n", "e", "cli_objective.py:objective", *X, "--max-trials", "5", "--n-workers", "2",
        "--seed", "1", "--plot", "p.png",
    )  # fmt: skip
    output, log = process.communicate()
    assert process.returncode == 0, log
    lines = output.splitlines()
    assert lines[0] == "e: 5 completed (minimize)"
    assert lines[1].split() == ["trial", "objective", "x", "seconds"]
    assert len(lines) == 10
    assert lines[-2:] == ["recorded in experiments.db", "progress drawn in p.png"]
    assert log.splitlines()[0] == "e: new experiment, 5 trials"
    assert len(log.splitlines()) == 6
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    best = Experiment("e", {"x": "uniform(0, 1)"}).result().best
    assert best is not None
    assert lines[3].split()[0] == str(best.number)


def test_a_run_can_be_traced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "-n", "e", "cli_objective.py:objective", *X, "--executor", "thread", "--max-trials", "3"]
    assert main([*arguments, "--trace", "run.json"]) == 0
    assert "trace written to run.json" in capsys.readouterr().out
    events = json.loads((tmp_path / "run.json").read_text())["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == 3
    assert main([*arguments, "--trace", "missing/run.json"]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_failed_trials_are_shown_and_the_exit_status_tells_when_none_completed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("cli_objective.py:fails", *X) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("e: 3 failed (minimize)\n")
    assert "[3/3] trial 2: failed, RuntimeError: always (x=" in captured.err
    assert main(["show", "-n", "e"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("RuntimeError: always") == 4
    assert "  3 by exception: RuntimeError: always (trials 0, 1, 2)" in shown


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cli_objective:objective", *X, "--direction", "maximize", "--seed", "1") == 0
    capsys.readouterr()
    assert main(["show", "-n", "e"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "e: 3 completed (maximize)"
    assert [line.split()[0] for line in lines[3:6]] == ["0", "1", "2"]
    assert lines[6].startswith("best: trial ")


REFUSED = [
    (["run"], "Missing argument"),
    (["run", "-n", "e"], "Missing argument"),
    (["run", "cli_objective.py:objective"], "Missing option"),
    (["fly"], "No such command 'fly'"),
    (["run", "--workers", "3"], "No such option"),
    (["run", "-n", "e", "cli_objective.py:objective"], "--space"),
    (["run", "-n", "e", "cli_objective.py:objective", "--space", "x"], "write NAME=PRIOR"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, *X], "given twice"),
    (["run", "-n", "e", "cli_objective.py:objective", "--space", "x=unifrom(0, 1)"], "did you mean uniform"),
    (["run", "-n", "e", "cli_objective.py:objective", "--space", "y=uniform(0, 1)"], "'x'"),
    (["run", "-n", "", "cli_objective.py:objective", *X], "needs a name"),
    (["run", "-n", "e", "cli_objective.py:missing", *X], "has no function 'missing'; it has objective, fails"),
    (["run", "-n", "e", "cli_objective.py:VALUE", *X], "is not a function"),
    (["run", "-n", "e", "missing.py:objective", *X], "no such file"),
    (["run", "-n", "e", "missing:objective", *X], "cannot be imported"),
    (["run", "-n", "e", "cli_objective.py", *X], "name the function too"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--executor", "proces"], "process"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--n-workers", "0"], "n_workers"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--n-workers", "two"], "'two' is not a valid integer"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--max-trials", "0"], "max_trials"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--sampler", "magic"], "the samplers are tpe, random"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--direction", "up"], "'up' is not one of"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--trial-timeout", "-1"], "positive number"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--executor", "thread", "--trial-timeout", "1"], "thread"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--storage", "text.db"], "not a database"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--storage", "other.db"], "something else"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--storage", "."], "is a folder"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--storage", "no/such/e.db"], "folder does not exist"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--storage", "/proc/e.db"], "/proc"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--storage", "redis://host/db"], "sqlite:///FILE"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--plot", "p.jpeg2"], "must end in"),
    (["run", "-n", "e", "cli_objective.py:objective", *X, "--plot", "no/p.png"], "folder does not exist"),
    (["run", "-n", "old", "cli_objective.py:objective", *X, "--storage", "old.db"], "another search space"),
    (["show"], "Missing option"),
    (["show", "-n", "e"], "no such file"),
    (["show", "-n", "e", "--storage", "old.db"], "has no experiment 'e'; it has old"),
    (["show", "-n", "e", "--storage", "text.db"], "not a database"),
]


@pytest.mark.parametrize(("arguments", "reason"), REFUSED)
def test_what_cannot_be_done_is_refused_with_one_clear_line(
    arguments: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.db").write_text("no database, but a text that is longer than the header of one" * 30)
    with sqlite3.connect("other.db") as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    if "old.db" in arguments:
        Experiment("old", {"x": "uniform(0, 2)"}, "old.db").run(abs_of_x, 2, "single", progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.db")}

    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line, *caret = captured.err.splitlines()
    assert line.startswith("orion-executor: ")
    assert reason in line
    assert len(caret) == (2 if "unifrom" in reason or "unifrom" in str(arguments) else 0)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.db")} == before


def abs_of_x(x: float) -> float:
    return abs(x)


def test_a_refusal_in_a_process_of_its_own_has_no_traceback(start: Start) -> None:
    process = start("run", "-n", "e", "cli_objective.py:objective", *X, "--executor", "nothing")
    output, log = process.communicate()
    assert process.returncode == 2
    assert output == ""
    assert len(log.splitlines()) == 1


HEAVY = ("optuna", "sqlalchemy", "rich", "matplotlib", "numpy", "orion.executor.base")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["show", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from orion.experiment.cli.app import main; status = main(sys.argv[1:]);"
        f"assert not [name for name in {HEAVY} if name in sys.modules]; sys.exit(status)"
    )
    help_text = subprocess.run(
        [sys.executable, "-c", script, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    assert help_text.startswith("Usage: orion-executor")
