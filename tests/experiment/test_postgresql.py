"""Experiments on a PostgreSQL server, which is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orion.experiment import Experiment, StorageError
from orion.experiment.storage import open_database
from tests.experiment.kept import Kept
from tests.services.debian import needs
from tests.services.postgres import SOFTWARE, Postgres, running

pytestmark = [
    pytest.mark.engines,
    needs(SOFTWARE),
    pytest.mark.usefixtures("trials_folder_here"),
]

SPACE = {"x": "uniform(0, 1)"}

OTHER_DRIVER = """
import sys
from orion.experiment.storage import open_database
database = open_database(sys.argv[1], create=True)
print(database.lock.driver, flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running() as server:
        yield server


def square(x: float) -> float:
    return x * x


def test_an_experiment_goes_on_and_its_password_is_not_shown(server: Postgres) -> None:
    for count in (3, 5):
        result = Experiment("goes on", SPACE, server.url).run(square, count, "single", progress=False)
    assert result.counts == {"completed": 5}
    assert Experiment("goes on", SPACE, server.url).result() == result
    with pytest.raises(StorageError) as caught:
        Experiment("another", SPACE, server.url).result()
    assert "has no experiment 'another'; it has goes on" in str(caught.value)
    assert server.password not in str(caught.value)


def test_a_driver_is_alive_until_its_process_is_killed(server: Postgres) -> None:
    database = open_database(server.url, create=True)
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_DRIVER, server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        with database.lock.exclusive():
            assert database.lock.is_alive(other)
            assert database.lock.is_alive(database.lock.driver)
        process.kill()
    with database.lock.exclusive():
        assert not database.lock.is_alive(other)
    database.close()


def test_one_driver_at_a_time_is_exclusive(server: Postgres) -> None:
    first, second = (open_database(server.url, create=True) for _ in range(2))
    entered = threading.Event()

    def enter() -> None:
        with second.lock.exclusive():
            entered.set()

    with first.lock.exclusive():
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.2)
    thread.join()
    assert entered.is_set()
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("@", "x@"), "password authentication failed"),
        (("/postgres", "/missing"), 'database "missing" does not exist'),
        (("/postgres", ""), "name the database too"),
        (("127.0.0.1:", "127.0.0.1:1"), ""),
    ],
)
def test_what_cannot_be_reached_is_refused_in_one_line(server: Postgres, change: Any, reason: str) -> None:
    with pytest.raises(StorageError) as caught:
        Experiment("e", SPACE, server.url.replace(*change)).run(square, 1, "single", progress=False)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.password not in str(caught.value)


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    with running() as server:
        yield server


def test_a_run_goes_on_when_the_server_is_killed_and_started_again(own_server: Postgres) -> None:
    def objective(x: float) -> float:
        if len(calls) in (3, 6):
            own_server.kill()
            own_server.start()
        calls.append(x)
        return x

    calls: list[float] = []
    result = Experiment("killed", SPACE, own_server.url).run(Kept(objective), 8, "thread", 1, progress=False)
    assert result.counts == {"completed": 8}
    assert sorted(calls) == sorted(trial.parameters["x"] for trial in result.trials)
