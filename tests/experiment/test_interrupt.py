"""Ctrl-C and SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orion.experiment import Experiment
from orion.experiment.running.interrupts import Interrupts
from tests.experiment.drivers import Gate, Start

COMMAND = ("run", "-n", "e", "gated.py:objective", "--space", "x=uniform(0, 1)", "--n-workers", "2")


def interrupt(driver: subprocess.Popen[str], number: int) -> None:
    if number == signal.SIGINT:
        os.killpg(driver.pid, number)  # as a terminal does: to every process of the group
    else:
        driver.send_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("engine", ["process", "thread"])
def test_an_interrupted_run_can_be_resumed(
    number: int, engine: str, gate: Gate, start: Start, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    driver = start(*COMMAND, "--max-trials", "8", "--executor", engine)
    gate.wait_for(2, driver)
    if engine == "process":
        watch: Callable[[int], None] = request.getfixturevalue("no_process_left")
        watch(driver.pid)
    interrupt(driver, number)
    output, log = driver.communicate()
    assert driver.returncode == 130
    assert output == ""
    assert "Traceback" not in log
    assert log.endswith(
        "interrupted: 4 of 8 trials done, 2 running ones were stopped and queued again\n"
        "to go on: orion-executor run -n e gated.py:objective --space 'x=uniform(0, 1)' --n-workers 2 "
        f"--max-trials 8 --executor {engine}\n"
    )
    experiment = Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "experiments.db")
    before = experiment.result()
    assert before.counts == {"completed": 4, "waiting": 2}

    gate.open()
    again = start(*COMMAND, "--max-trials", "8", "--executor", engine)
    output, log = again.communicate()
    assert again.returncode == 0, log
    assert log.startswith("e: continuing: 4 of 8 done, 2 interrupted trials queued again\n[5/8]")
    after = experiment.result()
    assert after.counts == {"completed": 8}
    assert [trial.parameters for trial in after.trials[:6]] == [trial.parameters for trial in before.trials]
    assert sorted(trial.attempt for trial in after.trials) == [1] * 6 + [2] * 2  # whichever had waited
    for trial in after.trials:
        outcomes = [(attempt["attempt"], attempt["outcome"]) for attempt in trial.attempts]
        assert outcomes == [(1, "interrupted"), (2, "completed")][-trial.attempt :] or outcomes == [(1, "completed")]
        assert all(attempt["started"] <= attempt["ended"] for attempt in trial.attempts)


def test_ctrl_c_twice_is_no_different(gate: Gate, start: Start) -> None:
    driver = start(*COMMAND, "--max-trials", "8")
    gate.wait_for(2, driver)
    interrupt(driver, signal.SIGINT)
    interrupt(driver, signal.SIGINT)
    _, log = driver.communicate()
    assert driver.returncode == 130
    assert "Traceback" not in log
    assert "interrupted: 4 of 8 trials done" in log


@pytest.mark.parametrize("engine", ["process", "thread"])
def test_running_trials_may_finish(engine: str, gate: Gate, start: Start, tmp_path: Path) -> None:
    driver = start(*COMMAND, "--max-trials", "8", "--executor", engine, "--drain")
    gate.wait_for(2, driver)
    driver.send_signal(signal.SIGTERM)
    assert driver.stderr is not None
    while "2 running ones may finish" not in driver.stderr.readline():
        pass
    gate.open()
    with open(tmp_path / "gate", "w"):
        _, log = driver.communicate()
    assert driver.returncode == 130
    assert "interrupted: 6 of 8 trials done, 0 running ones were stopped" in log
    assert Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "experiments.db").result().counts == {"completed": 6}


def test_the_second_signal_stops_what_may_finish(gate: Gate, start: Start, tmp_path: Path) -> None:
    driver = start(*COMMAND, "--max-trials", "8", "--drain")
    gate.wait_for(2, driver)
    driver.send_signal(signal.SIGINT)
    assert driver.stderr is not None
    while "2 running ones may finish" not in driver.stderr.readline():
        pass
    driver.send_signal(signal.SIGINT)
    _, log = driver.communicate()
    assert driver.returncode == 130
    assert "interrupted: 4 of 8 trials done, 2 running ones were stopped and queued again" in log


def test_signals_are_held_back_and_raised_afterwards() -> None:
    def work(interrupts: Interrupts) -> None:
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            reached.append("end")
        reached.append("after")

    reached: list[str] = []
    with Interrupts.taken() as interrupts, pytest.raises(KeyboardInterrupt):
        work(interrupts)
    assert reached == ["end"]


def test_the_third_signal_is_not_held_back() -> None:
    with Interrupts.taken() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.held():
            signal.raise_signal(signal.SIGINT)
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_the_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts.taken():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts.taken() as interrupts:
            signal.raise_signal(signal.SIGINT)
        assert interrupts.received == 0
    finally:
        signal.signal(signal.SIGINT, before)
