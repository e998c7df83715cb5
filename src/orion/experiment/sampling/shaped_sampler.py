"""A sampler around another one: rounds to significant digits, and gives normal priors their shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState

    from orion.experiment.space.priors import NormalPrior

__all__ = ["ShapedSampler"]


class ShapedSampler(BaseSampler):
    """Another sampler, whose values are shaped before they are recorded.

    The methods are those of Optuna's interface for samplers.

    Parameters
    ----------
    sampler
        The other one. What it suggests for a normal prior is uniform between the bounds.
    precisions
        Number of significant digits, for the parameters that are rounded.
    normals
        The normal priors that are to be given their shape.
    """

    def __init__(self, sampler: BaseSampler, precisions: Mapping[str, int], normals: Mapping[str, NormalPrior]) -> None:
        self._sampler = sampler
        self._precisions = precisions
        self._normals = normals

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled together."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample the parameters that are sampled together."""
        values = self._sampler.sample_relative(study, trial, search_space)
        return {name: self._shaped(name, value, search_space[name]) for name, value in values.items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample one of the other parameters."""
        value = self._sampler.sample_independent(study, trial, param_name, param_distribution)
        return self._shaped(param_name, value, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Take note that a trial begins."""
        self._sampler.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Take note of a trial's end."""
        self._sampler.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Seed the sampler anew."""
        self._sampler.reseed_rng()

    def _shaped(self, name: str, value: Any, distribution: BaseDistribution) -> Any:
        if not isinstance(distribution, FloatDistribution | IntDistribution):
            return value
        normal = self._normals.get(name)
        if normal is not None:
            value = _bent(normal, value, distribution)
        digits = self._precisions.get(name)
        if digits is not None:
            value = float(f"{value:.{digits - 1}e}")
        return min(max(value, distribution.low), distribution.high)


def _bent(normal: NormalPrior, value: float, distribution: FloatDistribution | IntDistribution) -> float:
    """Return the value that has in the normal distribution, cut off at the bounds, the place of ``value`` among all."""
    whole = isinstance(distribution, IntDistribution)
    low, high = distribution.low - whole / 2, distribution.high + whole / 2
    share = (value - low) / (high - low)
    shape = NormalDist(normal.loc, normal.scale)
    below, above = shape.cdf(low), shape.cdf(high)
    smallest = math.ulp(0.5)
    bent = shape.inv_cdf(min(max(below + share * (above - below), smallest), 1 - smallest))
    return round(bent) if whole else bent
