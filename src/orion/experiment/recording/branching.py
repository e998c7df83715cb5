"""Starting an experiment from the trials of another one."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from orion.experiment.recording.records import BRANCHED
from orion.experiment.space.search_space import SearchSpace

__all__ = ["branch"]


def branch(study: optuna.Study, old: optuna.Study, space: SearchSpace) -> None:
    """Copy the completed and pruned trials of ``old`` that are in the space, and that have not been copied yet.

    A parameter that is new has its default value in them; without one, no trial is in the space.
    """
    known = {_origin(trial) for trial in study.get_trials(deepcopy=False)}
    for trial in old.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)):
        parameters = _in_space(trial, space)
        if parameters is None or (old.study_name, trial.number) in known:
            continue
        attributes = {key: value for key, value in trial.user_attrs.items() if not key.startswith("orion:")}
        copied = create_trial(
            state=trial.state,
            values=trial.values,
            params=parameters,
            distributions=space.distributions,
            user_attrs={**attributes, BRANCHED: {"experiment": old.study_name, "trial": trial.number}},
            intermediate_values=trial.intermediate_values,
        )
        study.add_trial(copied)


def _origin(trial: FrozenTrial) -> tuple[str, int] | None:
    origin = trial.user_attrs.get(BRANCHED)
    return None if origin is None else (origin["experiment"], origin["trial"])


def _in_space(trial: FrozenTrial, space: SearchSpace) -> dict[str, Any] | None:
    """Return the trial's parameters as the space has them; ``None`` if it is not in it."""
    found = {}
    for name, distribution in space.distributions.items():
        if name in trial.params:
            value = trial.params[name]
        elif name in space.defaults:
            value = space.defaults[name]
        elif distribution.single():
            value = distribution.to_external_repr(distribution.to_internal_repr(_only(distribution)))
        else:
            return None
        if not _contains(distribution, value):
            return None
        found[name] = value
    return found


def _only(distribution: BaseDistribution) -> Any:
    """Return the one value that a distribution has."""
    return getattr(distribution, "low", None) if hasattr(distribution, "low") else vars(distribution)["choices"][0]


def _contains(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (TypeError, ValueError):  # a text where a number belongs, say
        return False
