"""Drivers that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orion.experiment import Experiment
from tests.experiment.drivers import Gate, Start
from tests.services.debian import needs
from tests.services.postgres import SOFTWARE


def test_killed_at_any_write_nothing_is_lost_or_recorded_twice(tmp_path: Path) -> None:
    """After any number of kills the experiment has the same trials as one that was never killed."""
    script = Path(__file__).with_name("crash_driver.py")
    output = subprocess.run(
        [sys.executable, script, tmp_path / "e.db", "1"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    found = json.loads(output)
    assert found["kills"] >= 10
    assert len(found["crash"]) == 8
    for crashed, whole in zip(found["crash"], found["whole"], strict=True):
        assert crashed["state"] in ("completed", "failed")
        assert crashed["number"] == whole["number"]
        # Not k: a kill between the two suggestions costs its place in the sampler's sequence.
        assert crashed["parameters"]["x"] == whole["parameters"]["x"]
    assert any(trial["attempt"] > 1 for trial in found["crash"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "kind",
    [
        "sqlite",
        pytest.param(
            "postgresql",
            marks=[pytest.mark.engines, needs(SOFTWARE)],
        ),
    ],
)
def test_killed_at_50_moments_there_are_60_completed_trials(kind: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tests.experiment.many_crashes", kind, tmp_path, "1"], check=True)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["kills"] == 50
    assert found["left"] == []
    assert [(number, state) for number, state, _ in found["trials"]] == [(n, "completed") for n in range(60)]
    assert any(attempt > 1 for _, _, attempt in found["trials"])


def test_a_killed_driver_leaves_no_process_and_its_experiment_goes_on(
    gate: Gate, start: Start, no_process_left: Callable[[int], None], tmp_path: Path
) -> None:
    command = ("run", "-n", "e", "gated.py:objective", "--space", "x=uniform(0, 1)", "--n-workers", "2")
    driver = start(*command, "--max-trials", "12")
    gate.wait_for(2, driver)
    no_process_left(driver.pid)
    os.kill(driver.pid, signal.SIGKILL)
    _, log = driver.communicate()
    assert "[4/12]" in log
    gate.open()

    again = start(*command, "--max-trials", "12")
    output, log = again.communicate()
    assert again.returncode == 0, log
    assert log.startswith("e: continuing: 4 of 12 done, 2 interrupted trials queued again\n[5/12]")
    assert output.startswith("e: 12 completed")

    trials = Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "experiments.db").result().trials
    assert [trial.number for trial in trials] == list(range(12))
    assert sorted(trial.attempt for trial in trials) == [1] * 10 + [2] * 2  # whichever had waited
    for trial in trials:
        *interrupted, last = trial.attempts
        assert (last["attempt"], last["outcome"]) == (trial.attempt, "completed")
        for attempt in interrupted:
            folder = tmp_path / "experiments.trials" / "e" / str(trial.number) / "attempt-1"
            assert json.loads((folder / "attempt.json").read_text()) == attempt
            assert (attempt["attempt"], attempt["outcome"], attempt["ended"]) == (1, "interrupted", None)
            assert (attempt["driver"]["pid"], attempt["engine"]) == (driver.pid, "process")
            assert (attempt["seed"], attempt["code"]) == (last["seed"], last["code"])
            assert 0 < attempt["started"] < last["started"]
        assert len(interrupted) == trial.attempt - 1
    calls = sorted(gate.calls())
    twice = sorted(repr(trial.parameters["x"]) for trial in trials if trial.attempt == 2)
    assert calls == sorted([*(repr(trial.parameters["x"]) for trial in trials), *twice])


def test_a_living_driver_keeps_its_trials(gate: Gate, start: Start, tmp_path: Path) -> None:
    command = ("run", "-n", "e", "gated.py:objective", "--space", "x=uniform(0, 1)", "--n-workers", "2")
    driver = start(*command, "--max-trials", "6")
    gate.wait_for(2, driver)
    second = start(*command, "--max-trials", "6")
    output, log = second.communicate()
    assert second.returncode == 0, log
    assert log == "e: continuing: 4 of 6 done, 2 running in another driver\n"
    assert output.startswith("e: 4 completed, 2 running")
    with open(tmp_path / "gate", "w"):
        output, log = driver.communicate()
    assert driver.returncode == 0, log
    assert output.startswith("e: 6 completed")
