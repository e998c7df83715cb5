"""The same search by Optuna's ``study.optimize``, by ours, and as an experiment; each in a new SQLite file."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import psutil

from orion.experiment import Experiment, optimize

__all__ = ["SPACE", "WARM_UP", "Search", "Taken", "experiment", "optunas", "ours"]

SPACE = {"x": "uniform(0, 1)", "y": "loguniform(1e-5, 1)", "k": "choices(['a', 'b', 'c'])"}
WARM_UP = 20
"""Trials before those that count: what is done once at the start is no cost of a trial."""


class Taken(NamedTuple):
    """What trials took, in seconds: by the clock, and of CPU in this process and those that it has started."""

    wall: float
    cpu: float

    @classmethod
    def so_far(cls) -> Taken:
        cpu = 0.0
        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
        return cls(time.perf_counter(), cpu)


class Search(NamedTuple):
    """What is run: an objective, how many trials count, by which sampler and with how many workers."""

    objective: Callable[..., float]
    trials: int
    sampler: str
    workers: int = 1

    @property
    def all_trials(self) -> int:
        """Those before them too, and the one after them, at whose start the time is taken."""
        return WARM_UP + self.trials + 1


def optunas(search: Search) -> Taken:
    """Run ``study.optimize``, with threads."""
    with _study(search) as study:
        study.optimize(_ByRun(search.objective), n_trials=search.all_trials, n_jobs=search.workers)
        return _taken(study.sampler)


def ours(search: Search, engine: str) -> Taken:
    """Run ``orion.experiment.optimize``."""
    with _study(search) as study:
        optimize(study, _ByRun(search.objective), search.all_trials, n_jobs=search.workers, executor=engine)
        return _taken(study.sampler)


def experiment(search: Search, engine: str) -> Taken:
    """Run an experiment, whose trials have folders, too."""
    sampler = _sampler(search)
    with _new_file() as path:
        known = Experiment("bench", SPACE, path, sampler=sampler)
        known.run(search.objective, search.all_trials, engine, search.workers, progress=False)
    return _taken(sampler)


class _ByRun:
    """A function of the parameters as one of a trial."""

    def __init__(self, objective: Callable[..., float]) -> None:
        self._objective = objective

    def __call__(self, trial: Any) -> float:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 1e-5, 1, log=True)
        return self._objective(x, y, trial.suggest_categorical("k", ["a", "b", "c"]))


class _Marks:
    """Part of a sampler: notes what has been taken before the first trial that counts, and after the last."""

    taken_before: dict[int, Taken]

    def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if trial.number in self.taken_before:
            self.taken_before[trial.number] = Taken.so_far()
        super().before_trial(study, trial)  # type: ignore[misc]  # of the sampler that this is mixed into


class _Random(_Marks, optuna.samplers.RandomSampler):
    """Optuna's random sampler, with marks."""


class _TPE(_Marks, optuna.samplers.TPESampler):
    """Optuna's TPE, with marks."""


def _sampler(search: Search) -> Any:
    sampler = _TPE(seed=1, constant_liar=True) if search.sampler == "tpe" else _Random(seed=1)
    sampler.taken_before = dict.fromkeys((WARM_UP, WARM_UP + search.trials), Taken(0, 0))
    return sampler


def _taken(sampler: _Marks) -> Taken:
    begin, end = sampler.taken_before.values()
    return Taken(end.wall - begin.wall, end.cpu - begin.cpu)


@contextmanager
def _study(search: Search) -> Iterator[optuna.Study]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _new_file() as path:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        yield optuna.create_study(storage=storage, sampler=_sampler(search))
        storage.remove_session()
        storage.engine.dispose()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Return the folder of all databases, which is gone when this process has ended."""
    return tempfile.TemporaryDirectory()


_numbers = itertools.count()


@contextmanager
def _new_file() -> Iterator[Path]:
    """Return where a new database may be: in the same folder for all.

    SQLite makes a file beside it for each commit, and where the folder is on the disk decides whether that takes 20
    microseconds or more than a millisecond.
    """
    path = Path(_folder().name, f"{next(_numbers)}.db")
    yield path
    path.unlink()
    shutil.rmtree(path.with_suffix(".trials"), ignore_errors=True)
