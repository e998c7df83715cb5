"""``orion-executor logs`` and ``rerun``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orion.experiment.cli.app import main
from tests.experiment.drivers import Start

OBJECTIVE = """
import random, sys

def seeded(x, seed):
    print("x is", x)
    print("a complaint", file=sys.stderr)
    return x + random.Random(seed).random()

def define_by_run(trial):
    return trial.suggest_float("x", 0, 1)

def fails(x):
    raise ValueError("always")
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "logged_objective", raising=False)
    (tmp_path / "logged_objective.py").write_text(OBJECTIVE)


def run(name: str, function: str, *arguments: str) -> None:
    main(
        ["run", "-n", name, f"logged_objective.py:{function}", *arguments, "--max-trials", "2", "--executor", "single"]
    )


def test_what_a_trial_printed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run("e", "seeded", "--space", "x=uniform(0, 1)")
    capfdbinary.readouterr()
    assert main(["logs", "1", "-n", "e"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"x is 0.")
    assert err == b"a complaint\n"
    assert main(["logs", "1", "-n", "e", "-f", "--attempt", "1"]) == 0
    assert capfdbinary.readouterr().out == out


@pytest.mark.parametrize("arguments", [["2"], ["0", "--attempt", "2"], ["0", "--folder", "elsewhere"]])
def test_logs_that_are_not_there(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run("e", "seeded", "--space", "x=uniform(0, 1)")
    assert main(["logs", "-n", "e", *arguments]) == 2
    assert "has no folder in" in capsys.readouterr().err


def test_a_log_is_followed_until_the_trial_ends(start: Start, tmp_path: Path) -> None:
    for name in ("up", "go"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "train.py").write_text(
        "print('first')\nopen('up', 'w').close()\nopen('go').close()\nprint('second')\nprint('{\"objective\": 1}')"
    )
    driver = start("run", "-n", "e", "--max-trials", "1", "--", sys.executable, "train.py", "--x~uniform(0, 1)")
    open(tmp_path / "up").close()
    follower = start("logs", "-f", "0", "-n", "e")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "first\n"
    open(tmp_path / "go", "w").close()
    assert driver.wait() == 0
    assert follower.stdout.read() == 'second\n{"objective": 1}\n'
    assert follower.wait() == 0


@pytest.mark.parametrize(("function", "space"), [("seeded", ["--space", "x=uniform(0, 1)"]), ("define_by_run", [])])
def test_a_trial_is_run_again_as_it_was(
    function: str, space: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run("e", function, *space)
    capsys.readouterr()
    for objective in ([], [f"logged_objective.py:{function}"]):
        assert main(["rerun", "1", *objective, "-n", "e"]) == 0
        lines = capsys.readouterr().out.splitlines()
        recorded, now = (line.split()[-1] for line in lines[-3:-1])
        assert recorded == now
    assert (tmp_path / "experiments.trials" / "e" / "1" / "rerun-2" / "stdout").exists()


def test_a_command_is_run_again_from_where_it_was(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.py").write_text("import os, sys\nprint(os.environ['ORION_TRIAL_SEED'])\nprint(sys.argv[1])")
    command = [sys.executable, "train.py", "{x}"]
    assert main(["run", "-n", "e", "--max-trials", "1", "--space", "x=uniform(0, 1)", "--", *command]) == 0
    capsys.readouterr()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert main(["rerun", "0", "-n", "e", "--storage", str(tmp_path / "experiments.db")]) == 0
    out = capsys.readouterr().out.splitlines()
    seed = (tmp_path / "experiments.trials" / "e" / "0" / "attempt-1" / "stdout").read_text().split()[0]
    assert out[0] == seed
    assert out[-3].split()[1] == out[-2].split()[1]


def test_a_failed_trial_fails_again(capsys: pytest.CaptureFixture[str]) -> None:
    run("e", "fails", "--space", "x=uniform(0, 1)")
    assert main(["rerun", "0", "-n", "e"]) == 1
    out = capsys.readouterr().out
    assert "recorded: failed, ValueError: always" in out
    assert "now:      failed, ValueError: always" in out


def test_what_cannot_be_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    run("e", "seeded", "--space", "x=uniform(0, 1)")
    assert main(["rerun", "7", "-n", "e"]) == 2
    assert "e has no trial 7; it has 2 trials" in capsys.readouterr().err
    assert main(["rerun", "0", "-n", "other"]) == 2
    assert "has no experiment 'other'" in capsys.readouterr().err
