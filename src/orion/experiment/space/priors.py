"""What a parameter may be: the priors that Oríon's notation writes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = [
    "LARGEST_INT",
    "Choice",
    "ChoicesPrior",
    "FidelityPrior",
    "FloatPrior",
    "IntPrior",
    "NormalPrior",
    "Prior",
    "is_finite_number",
]

Choice: TypeAlias = bool | int | float | str | None

LARGEST_INT = 2**53  # the database holds numbers as doubles
_WIDTH = 5  # of a normal prior to each side, in standard deviations: one draw in two million would be outside


@dataclass(frozen=True)
class FloatPrior:
    """A real number between ``low`` and ``high``, both included, perhaps on a logarithmic scale.

    ``precision`` is the number of significant digits that values are rounded to; ``None`` leaves them as drawn.
    """

    low: float
    high: float
    log: bool = False
    precision: int | None = None

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` could be drawn."""
        return is_finite_number(value) and self.low <= value <= self.high


@dataclass(frozen=True)
class IntPrior:
    """A whole number between ``low`` and ``high``, both included, perhaps on a logarithmic scale."""

    low: int
    high: int
    log: bool = False

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` could be drawn."""
        return is_finite_number(value) and value == int(value) and self.low <= value <= self.high


@dataclass(frozen=True)
class ChoicesPrior:
    """One of a few values, each equally likely."""

    choices: tuple[Choice, ...]

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` could be drawn."""
        return value in self.choices


@dataclass(frozen=True)
class NormalPrior:
    """A number that is most likely near ``loc``, with the standard deviation ``scale``.

    Optuna's samplers need bounds: five standard deviations to each side.
    """

    loc: float
    scale: float
    discrete: bool = False
    precision: int | None = None

    @property
    def low(self) -> float:
        """The lower bound."""
        return self.loc - _WIDTH * self.scale

    @property
    def high(self) -> float:
        """The upper bound."""
        return self.loc + _WIDTH * self.scale

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` could be drawn."""
        return is_finite_number(value) and self.low <= value <= self.high and (not self.discrete or value == int(value))


@dataclass(frozen=True)
class FidelityPrior:
    """How far a trial goes, if it is not pruned: to ``high``, and at least to ``low``.

    Every ``base``-fold the worse trials are pruned.
    """

    low: int
    high: int
    base: int = 2

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` is what trials are given."""
        return value == self.high and not isinstance(value, bool)


Prior: TypeAlias = FloatPrior | IntPrior | ChoicesPrior | NormalPrior | FidelityPrior


def is_finite_number(value: object) -> bool:
    """Return whether ``value`` is a finite number, and one that a float can stand for."""
    try:
        return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False
