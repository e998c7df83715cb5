"""What a trial costs beside its objective: counted in statements, which do not depend on the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from orion.experiment import optimize
from orion.experiment.recording.trials import Trials
from orion.experiment.recording.verdicts import Completed
from orion.experiment.sampling.samplers import Samplers
from orion.experiment.space.search_space import SearchSpace
from orion.experiment.storage import open_database

SPACE = SearchSpace.build({"x": "uniform(0, 1)", "y": "uniform(0, 1)", "k": "choices(['a', 'b'])"})


def objective(trial: optuna.Trial) -> float:
    trial.suggest_float("y", 0, 1)
    trial.suggest_categorical("k", ["a", "b"])
    return trial.suggest_float("x", 0, 1)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements that are executed."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


def per_trial(run: Callable[[int], object], trials: int = 10) -> float:
    with counted() as statements:
        run(trials)
    return len(statements) / trials


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trial_costs_about_as_much_as_optunas_and_no_more_later_on(sampler: str, tmp_path: Path) -> None:
    database = open_database(tmp_path / "ours.db", create=True)
    trials = Trials(database, "e", SPACE, Samplers(sampler, 1, SPACE), ("minimize",), seed=1)

    def ours(count: int) -> None:
        for _ in range(count):
            claim = trials.claim(1000)
            assert claim is not None
            trials.record(claim, Completed((claim.parameters["x"],), {}), {"attempt": 1})

    kind = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}[sampler]
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/theirs.db")
    study = optuna.create_study(storage=storage, sampler=kind(seed=1))
    ours(12)  # past the trials that tpe draws at random
    study.optimize(objective, n_trials=12)
    first = per_trial(ours)
    assert first <= 1.2 * per_trial(lambda count: study.optimize(objective, n_trials=count))
    ours(30)
    assert per_trial(ours) <= first
    database.close()
    storage.remove_session()
    storage.engine.dispose()


@pytest.mark.parametrize("engine", ["single", "process"])
def test_optimize_executes_what_optunas_own_does(engine: str, tmp_path: Path) -> None:
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/both.db")
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=2)
    optimize(study, objective, n_trials=2, executor=engine)  # its threads have connections of their own
    theirs = per_trial(lambda count: study.optimize(objective, n_trials=count))
    assert per_trial(lambda count: optimize(study, objective, n_trials=count, executor=engine)) <= theirs + 1
    storage.remove_session()
    storage.engine.dispose()
