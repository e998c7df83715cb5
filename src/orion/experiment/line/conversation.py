"""What a running trial may ask, and the driver's answers: those of Optuna's own trial and study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial

__all__ = ["Conversation", "snapshot"]


class Conversation:
    """Answers for one running trial.

    Parameters
    ----------
    trial
        Optuna's trial, as ``study.ask`` returned it. A trial that was begun before keeps what was suggested, and
        its reports begin anew.
    stop
        Called when the objective calls ``trial.study.stop()``.
    reported
        Told of every intermediate value: the step and the value.
    """

    def __init__(
        self,
        trial: optuna.Trial,
        *,
        stop: Callable[[], object],
        reported: Callable[[int, float], object] = lambda _step, _value: None,
    ) -> None:
        self._trial = trial
        self._study = trial.study
        self._stop = stop
        self._reported = reported
        self._others: list[FrozenTrial] | None = None
        # Otherwise a report of an earlier attempt would count, and this attempt's of the same step would not.
        trial._cached_frozen_trial.intermediate_values = {}
        self._answers: dict[str, Callable[..., Any]] = {
            "suggest_float": trial.suggest_float,
            "suggest_int": trial.suggest_int,
            "suggest_categorical": trial.suggest_categorical,
            "report": self._report,
            "should_prune": self._should_prune,
            "report_and_judge": self._report_and_judge,
            "set_user_attr": trial.set_user_attr,
            "set_constraint": trial.set_constraint,
            "constraints": lambda: trial.constraints,
            "study_stop": self._stop_study,
            "study_user_attrs": lambda: self._study.user_attrs,
            "study_set_user_attr": self._study.set_user_attr,
            "study_trials": self._study_trials,
        }

    def __call__(self, question: str, arguments: Mapping[str, Any]) -> Any:
        """Answer a question of the trial."""
        # Optuna's studies remember, for each thread, what other trials there are, for as long as that thread has one
        # trial. This thread has several.
        memory = self._study._thread_local
        memory.cached_all_trials = self._others
        try:
            return self._answers[question](**arguments)
        finally:
            self._others = memory.cached_all_trials
            memory.cached_all_trials = None

    def _report(self, value: float, step: int) -> None:
        self._trial.report(value, step)
        self._reported(step, value)

    def _report_and_judge(self, value: float, step: int) -> bool:
        """Record an intermediate value; return whether the trial should end here."""
        self._report(value, step)
        return self._should_prune()

    def _should_prune(self) -> bool:
        return bool(self._trial.should_prune())  # some pruners return NumPy's

    def _stop_study(self) -> None:
        self._stop()

    def _study_trials(self, states: list[str] | None) -> list[dict[str, Any]]:
        wanted = None if states is None else tuple(optuna.trial.TrialState[state] for state in states)
        return [_as_plain(trial) for trial in self._study.get_trials(deepcopy=False, states=wanted)]


def snapshot(trial: optuna.Trial) -> dict[str, Any]:
    """Return, as JSON can hold it, what of a trial only the trial itself changes, and what was suggested already."""
    started = trial.datetime_start
    study = trial.study
    return {
        "params": trial.params,
        "distributions": {name: distribution_to_json(it) for name, it in trial.distributions.items()},
        "user_attrs": trial.user_attrs,
        "datetime_start": None if started is None else started.isoformat(),
        "study_name": study.study_name,
        "directions": [direction.name for direction in study.directions],
    }


def _as_plain(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial as JSON can hold it."""
    return {
        "number": trial.number,
        "state": trial.state.name,
        "values": trial.values,
        "params": trial.params,
        "distributions": {name: distribution_to_json(it) for name, it in trial.distributions.items()},
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
        "intermediate_values": list(trial.intermediate_values.items()),
        "datetime_start": None if trial.datetime_start is None else trial.datetime_start.isoformat(),
        "datetime_complete": None if trial.datetime_complete is None else trial.datetime_complete.isoformat(),
        "trial_id": trial._trial_id,
    }
