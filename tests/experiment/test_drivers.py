"""Several drivers on one experiment at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orion.experiment import Experiment
from tests.experiment.drivers import Start
from tests.services.debian import needs
from tests.services.postgres import SOFTWARE, Postgres, running

OBJECTIVE = """
def objective(x):
    with open("calls", "a") as calls:
        calls.write(f"{x!r}\\n")
    return x
"""


def check(start: Start, folder: Path, storage: str, drivers: int, trials: int) -> None:
    """Run that many drivers; check that no trial was run twice and none is lost."""
    (folder / "objective.py").write_text(OBJECTIVE)
    command = ("run", "-n", "e", "objective.py:objective", "--space", "x=uniform(0, 1)", "--sampler", "random")
    options = ("--executor", "single", "--max-trials", str(trials), "--storage", storage)
    started = [start(*command, *options) for _ in range(drivers)]
    for driver in started:
        _, log = driver.communicate()
        assert driver.returncode == 0, log
        assert "locked" not in log
    result = Experiment("e", None, storage).result()
    assert [(trial.number, trial.state, trial.attempt) for trial in result.trials] == [
        (number, "completed", 1) for number in range(trials)
    ]
    calls = (folder / "calls").read_text().split()
    assert sorted(calls) == sorted(repr(trial.parameters["x"]) for trial in result.trials)


@pytest.mark.timeout(400)
def test_two_on_one_sqlite_file(start: Start, tmp_path: Path) -> None:
    check(start, tmp_path, str(tmp_path / "e.db"), 2, 200)


def test_two_on_one_journal(start: Start, tmp_path: Path) -> None:
    check(start, tmp_path, str(tmp_path / "e.journal"), 2, 20)


@pytest.fixture
def server() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.mark.engines
@pytest.mark.timeout(600)
@needs(SOFTWARE)
def test_three_on_postgresql(server: Postgres, start: Start, tmp_path: Path) -> None:
    check(start, tmp_path, server.url, 3, 200)
