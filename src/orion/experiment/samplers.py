"""Samplers by name, seeded per trial, and rounding to significant digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from orion.experiment.errors import ArgumentError
from orion.experiment.seeds import sampler_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState

__all__ = ["SAMPLERS", "RoundedSampler", "Samplers"]

SAMPLERS: dict[str, Callable[[int | None], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}


class Samplers:
    """The sampler to ask for each trial.

    With a seed, every trial has a sampler of its own, seeded by the experiment's seed and the trial's number: a resumed
    experiment goes on instead of repeating its first draws.

    Parameters
    ----------
    sampler
        A name, or an Optuna sampler, which is used as it is.
    seed
        The experiment's seed, for samplers by name.
    precisions
        Number of significant digits, for the parameters that are to be rounded.
    """

    def __init__(self, sampler: str | BaseSampler, seed: int | None, precisions: Mapping[str, int]) -> None:
        self._make: Callable[[int | None], BaseSampler] | None = None
        if isinstance(sampler, BaseSampler):
            if seed is not None:
                raise ArgumentError("give the seed to the sampler itself: it was made outside of the experiment")
            self._shared = sampler
        elif isinstance(sampler, str) and sampler.lower() in SAMPLERS:
            make = SAMPLERS[sampler.lower()]
            self._shared = make(None)
            self._make = None if seed is None else make
        else:
            raise ArgumentError(f"there is no sampler {sampler!r}; the samplers are {', '.join(SAMPLERS)}")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ArgumentError(f"the seed is a whole number, not {seed!r}")
        self._seed = seed
        self._precisions = precisions

    def for_trial(self, number: int) -> BaseSampler:
        """Return the sampler that suggests the parameters of trial ``number``."""
        sampler = self._shared if self._make is None else self._make(sampler_seed(self._seed, number))
        return RoundedSampler(sampler, self._precisions) if self._precisions else sampler


class RoundedSampler(BaseSampler):
    """Another sampler, whose values are rounded to a number of significant digits before they are recorded.

    The methods are those of Optuna's interface for samplers.
    """

    def __init__(self, sampler: BaseSampler, precisions: Mapping[str, int]) -> None:
        self._sampler = sampler
        self._precisions = precisions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled together."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample the parameters that are sampled together."""
        values = self._sampler.sample_relative(study, trial, search_space)
        return {name: self._rounded(name, value, search_space[name]) for name, value in values.items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample one of the other parameters."""
        value = self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._rounded(param_name, value, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Take note that a trial begins."""
        self._sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Take note of a trial's end."""
        self._sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Seed the sampler anew."""
        self._sampler.reseed_rng()

    def _rounded(self, name: str, value: Any, distribution: BaseDistribution) -> Any:
        digits = self._precisions.get(name)
        if digits is None or not isinstance(distribution, FloatDistribution):
            return value
        return min(max(float(f"{value:.{digits - 1}e}"), distribution.low), distribution.high)
