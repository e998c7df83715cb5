"""The space that an experiment searches: what each parameter may be."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from orion.experiment.space.given_settings import Settings, check_settings, spanned
from orion.experiment.space.notation import MISSING, parse
from orion.experiment.space.priors import FidelityPrior, FloatPrior, IntPrior, NormalPrior, Prior

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
    normals
        The priors that are normal distributions; the bounds stand in ``distributions``.
    fidelity
        The prior of the parameter that says how far trials go, if there is one.
    settings
        The settings to run, if they are given instead of suggested.
    """

    distributions: dict[str, BaseDistribution] = field(default_factory=dict)
    notations: dict[str, str] = field(default_factory=dict)
    precisions: dict[str, int] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    normals: dict[str, NormalPrior] = field(default_factory=dict)
    fidelity: FidelityPrior | None = None
    settings: Settings | None = None

    @classmethod
    def of(cls, space: Mapping[str, str | BaseDistribution] | Settings | None) -> SearchSpace:
        """Build a space from priors or from given settings; ``None`` is an empty one.

        Raises
        ------
        SpaceError
            If it is neither.
        """
        if space is None:
            return cls()
        if isinstance(space, Sequence) and not isinstance(space, str) and space:
            return cls.of_settings(space)
        return cls.build(space)

    @classmethod
    def build(cls, space: Mapping[str, str | BaseDistribution] | Settings) -> SearchSpace:
        """Build a space from names and priors: Oríon's notation, or Optuna distributions.

        Raises
        ------
        SpaceError
            Naming the parameter, and pointing at the character where the notation is wrong.
        """
        if not isinstance(space, Mapping) or not space:
            raise SpaceError("the search space is empty: give at least one parameter, such as x: uniform(0, 1)")
        result = cls()
        fidelity: FidelityPrior | None = None
        for name, prior in space.items():
            if not isinstance(name, str) or not name:
                raise SpaceError(f"a parameter's name is a text, not {name!r}")
            if isinstance(prior, BaseDistribution):
                result.distributions[name] = prior
                result.notations[name] = repr(prior)
            elif isinstance(prior, str):
                found = result._add(name, prior)
                if isinstance(found, FidelityPrior):
                    if fidelity is not None:
                        raise SpaceError(f"parameter {name!r}: there is one fidelity already", prior)
                    fidelity = found
            else:
                raise SpaceError(f"parameter {name!r}: give a prior such as 'uniform(0, 1)', not {prior!r}")
        return replace(result, fidelity=fidelity)

    @classmethod
    def of_settings(cls, settings: Settings) -> SearchSpace:
        """Build a space from the settings to run.

        Raises
        ------
        SpaceError
            If they have not all the same parameters, or a value cannot be one.
        """
        rows = check_settings(settings)
        notations = {name: _digest([row[name] for row in rows]) for name in rows[0]}
        return cls(spanned(rows), notations, settings=rows)

    def _add(self, name: str, text: str) -> Prior:
        try:
            parameter = parse(text)
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error.reason}", error.text, error.position) from None
        self.notations[name] = text.strip()
        self.distributions[name] = _distribution(parameter.prior)
        if isinstance(parameter.prior, FloatPrior | NormalPrior) and parameter.prior.precision is not None:
            self.precisions[name] = parameter.prior.precision
        if isinstance(parameter.prior, NormalPrior):
            self.normals[name] = parameter.prior
        if parameter.default is not MISSING:
            self.defaults[name] = parameter.default
        return parameter.prior

    def record(self) -> dict[str, Any]:
        """Return the space as JSON can hold it, for :meth:`differences` of a later run."""
        return {
            name: {
                "notation": self.notations[name],
                "distribution": distribution_to_json(distribution),
                "precision": self.precisions.get(name),
                "shape": self._shape(name),
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
            if not same or old["precision"] != self.precisions.get(name) or old.get("shape") != self._shape(name):
                found.append(f"{name} was {old['notation']} and is now {self.notations[name]}")
        return found

    def _shape(self, name: str) -> str | None:
        """Return what tells a prior from others with the same distribution."""
        if self.settings is not None:
            return self.notations[name]
        return str(self.normals[name]) if name in self.normals else None


def _distribution(prior: Prior) -> BaseDistribution:
    if isinstance(prior, FloatPrior):
        return FloatDistribution(prior.low, prior.high, log=prior.log)
    if isinstance(prior, IntPrior):
        return IntDistribution(prior.low, prior.high, log=prior.log)
    if isinstance(prior, NormalPrior):
        if prior.discrete:
            return IntDistribution(math.ceil(prior.low), math.floor(prior.high))
        return FloatDistribution(prior.low, prior.high)
    if isinstance(prior, FidelityPrior):
        return IntDistribution(prior.high, prior.high)
    return CategoricalDistribution(prior.choices)


def _digest(values: list[Any]) -> str:
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    return f"{len(values)} given values ({digest[:12]})"
