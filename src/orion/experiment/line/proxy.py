"""Optuna's trial and study as a define-by-run objective sees them in a worker."""

from __future__ import annotations

import datetime
from collections.abc import Container, Mapping, Sequence
from typing import Any, NoReturn

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.distributions import json_to_distribution as from_json
from optuna.study import StudyDirection
from optuna.trial import BaseTrial, FrozenTrial, TrialState

from orion.experiment.line.caller import Caller

__all__ = ["StudyProxy", "TrialProxy"]


class TrialProxy(BaseTrial):
    """A trial whose driver suggests, records and judges; its methods are those of ``optuna.Trial``.

    Parameters
    ----------
    caller
        The line to the driver.
    number
        The trial's number.
    snapshot
        The trial as it was when this attempt of it began: see :func:`snapshot`.
    """

    def __init__(self, caller: Caller, number: int, snapshot: Mapping[str, Any]) -> None:
        self._caller = caller
        self._number = number
        self._params: dict[str, Any] = dict(snapshot["params"])
        self._distributions = {name: from_json(text) for name, text in snapshot["distributions"].items()}
        self._user_attrs: dict[str, Any] = dict(snapshot["user_attrs"])
        self._datetime_start = _moment(snapshot["datetime_start"])
        self.study = StudyProxy(caller, snapshot["study_name"], snapshot["directions"])

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Suggest a floating-point value."""
        distribution = FloatDistribution(low, high, log=log, step=step)
        value: float = self._suggest("suggest_float", name, distribution, low=low, high=high, step=step, log=log)
        return value

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Suggest a whole number."""
        distribution = IntDistribution(low, high, log=log, step=step)
        value: int = self._suggest("suggest_int", name, distribution, low=low, high=high, step=step, log=log)
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest one of several values."""
        for choice in choices:
            if choice is not None and not isinstance(choice, bool | int | float | str):
                raise TypeError(
                    f"parameter {name!r}: the choice {choice!r} ({type(choice).__name__}) cannot travel between an "
                    "objective in a worker and its driver; use names or numbers, and look up what they stand for"
                )
        distribution = CategoricalDistribution(choices)
        value = self._suggest("suggest_categorical", name, distribution, choices=list(choices))
        # The very object that the objective has named: JSON makes no difference between 1.0 and 1, say.
        return next((choice for choice in choices if choice == value and type(choice) is type(value)), value)

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Suggest a floating-point value, as older objectives do."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Suggest a floating-point value by its logarithm, as older objectives do."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Suggest a multiple of ``q`` above ``low``, as older objectives do."""
        return self.suggest_float(name, low, high, step=q)

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value."""
        try:
            plain = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"The `value` argument is of type '{type(value)}' but supposed to be a float.") from None
        try:
            plain_step = int(step)
        except (TypeError, ValueError):
            raise TypeError(f"The `step` argument is of type '{type(step)}' but supposed to be an int.") from None
        self._caller.ask("report", value=plain, step=plain_step)

    def should_prune(self) -> bool:
        """Return whether the study's pruner would end the trial here."""
        return bool(self._caller.ask("should_prune"))

    def set_user_attr(self, key: str, value: Any) -> None:
        """Record an attribute with the trial."""
        self._caller.ask("set_user_attr", key=key, value=value)
        self._user_attrs[key] = value

    def set_constraint(self, key: str, value: float) -> None:
        """Record by how much a constraint is violated."""
        self._caller.ask("set_constraint", key=key, value=float(value))

    @property
    def params(self) -> dict[str, Any]:
        """The parameters suggested so far."""
        return dict(self._params)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What the parameters suggested so far were drawn from."""
        return dict(self._distributions)

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The attributes recorded with the trial."""
        return dict(self._user_attrs)

    @property
    def datetime_start(self) -> datetime.datetime | None:
        """When the trial began."""
        return self._datetime_start

    @property
    def number(self) -> int:
        """The trial's number."""
        return self._number

    @property
    def constraints(self) -> dict[str, float]:
        """The constraints recorded with the trial."""
        values: dict[str, float] = self._caller.ask("constraints")
        return values

    def _suggest(self, question: str, name: str, distribution: BaseDistribution, **arguments: Any) -> Any:
        value = self._caller.ask(question, name=name, **arguments)
        self._params.setdefault(name, value)
        self._distributions.setdefault(name, distribution)
        return value


class StudyProxy:
    """What an objective may ask of its study: ``stop``, its attributes, its trials and the best of them."""

    def __init__(self, caller: Caller, study_name: str, directions: Sequence[str]) -> None:
        self._caller = caller
        self.study_name = study_name
        self.directions = [StudyDirection[direction] for direction in directions]

    def stop(self) -> None:
        """Start no more trials once this one has ended."""
        self._caller.ask("study_stop")

    @property
    def direction(self) -> StudyDirection:
        """The direction, of a study with one objective."""
        if len(self.directions) > 1:
            raise RuntimeError("A single direction cannot be retrieved from a multi-objective study.")
        return self.directions[0]

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The study's attributes."""
        values: dict[str, Any] = self._caller.ask("study_user_attrs")
        return values

    def set_user_attr(self, key: str, value: Any) -> None:
        """Record an attribute with the study."""
        self._caller.ask("study_set_user_attr", key=key, value=value)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials of the study."""
        return self.get_trials()

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials of the study that are in one of some states."""
        names = None if states is None else [state.name for state in TrialState if state in states]
        return [_as_trial(plain) for plain in self._caller.ask("study_trials", states=names)]

    @property
    def best_trial(self) -> FrozenTrial:
        """The best completed trial."""
        return self._ranked().best_trial

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The completed trials that no other is better than in every objective."""
        return self._ranked().best_trials

    @property
    def best_value(self) -> float:
        """The value of the best completed trial."""
        return self._ranked().best_value

    @property
    def best_params(self) -> dict[str, Any]:
        """The parameters of the best completed trial."""
        return self._ranked().best_params

    def _ranked(self) -> optuna.Study:
        """Return a copy of the study with its completed trials, which says what is best."""
        storage = optuna.storages.InMemoryStorage()
        study_id = storage.create_new_study(self.directions, self.study_name)
        study = optuna.load_study(study_name=storage.get_study_name_from_id(study_id), storage=storage)
        study.add_trials(self.get_trials(states=(TrialState.COMPLETE,)))
        return study

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"the study has no {name!r} where an objective runs in a worker: there it has stop, trials, the best of "
            "them and attributes"
        )


def _moment(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.fromisoformat(text)


def _as_trial(plain: dict[str, Any]) -> FrozenTrial:
    return FrozenTrial(
        number=plain["number"],
        state=TrialState[plain["state"]],
        value=None,
        values=plain["values"],
        params=plain["params"],
        distributions={name: from_json(text) for name, text in plain["distributions"].items()},
        user_attrs=plain["user_attrs"],
        system_attrs=plain["system_attrs"],
        intermediate_values={int(step): value for step, value in plain["intermediate_values"]},
        datetime_start=_moment(plain["datetime_start"]),
        datetime_complete=_moment(plain["datetime_complete"]),
        trial_id=plain["trial_id"],
    )
