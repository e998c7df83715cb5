"""The space that an experiment searches: what each parameter may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from orion.experiment.errors import SpaceError
from orion.experiment.notation import MISSING, ChoicesPrior, FloatPrior, IntPrior, parse

__all__ = ["SearchSpace"]


@dataclass(frozen=True)
class SearchSpace:
    """What each parameter may be.

    Parameters
    ----------
    distributions
        Optuna's distribution of each parameter.
    notations
        The same as it was written.
    precisions
        Number of significant digits, for the parameters that are rounded.
    defaults
        Values of the first trial, for the parameters that have one.
    """

    distributions: dict[str, BaseDistribution]
    notations: dict[str, str]
    precisions: dict[str, int]
    defaults: dict[str, Any]

    @classmethod
    def build(cls, space: Mapping[str, str | BaseDistribution]) -> SearchSpace:
        """Build a space from names and priors: Oríon's notation, or Optuna distributions.

        Raises
        ------
        SpaceError
            Naming the parameter, and pointing at the character where the notation is wrong.
        """
        if not isinstance(space, Mapping) or not space:
            raise SpaceError("the search space is empty: give at least one parameter, such as x: uniform(0, 1)")
        result = cls({}, {}, {}, {})
        for name, prior in space.items():
            if not isinstance(name, str) or not name:
                raise SpaceError(f"a parameter's name is a text, not {name!r}")
            if isinstance(prior, BaseDistribution):
                result.distributions[name] = prior
                result.notations[name] = repr(prior)
            elif isinstance(prior, str):
                result._add(name, prior)
            else:
                raise SpaceError(f"parameter {name!r}: give a prior such as 'uniform(0, 1)', not {prior!r}")
        return result

    def _add(self, name: str, text: str) -> None:
        try:
            parameter = parse(text)
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error.reason}", error.text, error.position) from None
        self.notations[name] = text.strip()
        self.distributions[name] = _distribution(parameter.prior)
        if isinstance(parameter.prior, FloatPrior) and parameter.prior.precision is not None:
            self.precisions[name] = parameter.prior.precision
        if parameter.default is not MISSING:
            self.defaults[name] = parameter.default

    def record(self) -> dict[str, Any]:
        """Return the space as JSON can hold it, for :meth:`differences` of a later run."""
        return {
            name: {
                "notation": self.notations[name],
                "distribution": distribution_to_json(distribution),
                "precision": self.precisions.get(name),
            }
            for name, distribution in self.distributions.items()
        }

    def differences(self, record: Mapping[str, Any]) -> list[str]:
        """Return in what this space differs from a recorded one, a sentence each."""
        found = [f"{name} is new" for name in self.distributions if name not in record]
        found += [f"{name} is missing" for name in record if name not in self.distributions]
        for name, distribution in self.distributions.items():
            old = record.get(name)
            if old is None:
                continue
            same = json_to_distribution(old["distribution"]) == distribution
            if not same or old["precision"] != self.precisions.get(name):
                found.append(f"{name} was {old['notation']} and is now {self.notations[name]}")
        return found


def _distribution(prior: FloatPrior | IntPrior | ChoicesPrior) -> BaseDistribution:
    if isinstance(prior, FloatPrior):
        return FloatDistribution(prior.low, prior.high, log=prior.log)
    if isinstance(prior, IntPrior):
        return IntDistribution(prior.low, prior.high, log=prior.log)
    return CategoricalDistribution(prior.choices)
