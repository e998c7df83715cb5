"""Pruners by name."""

from __future__ import annotations

from collections.abc import Callable

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)

from orion.experiment.errors import ArgumentError

__all__ = ["PRUNERS", "make_pruner"]

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "percentile": lambda: PercentilePruner(25.0),
    "halving": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
}


def make_pruner(pruner: str | BasePruner) -> BasePruner:
    """Return the pruner that a name stands for; an Optuna pruner is used as it is.

    Raises
    ------
    ArgumentError
        For an unknown name; the message lists the known ones.
    """
    if isinstance(pruner, BasePruner):
        return pruner
    if isinstance(pruner, str) and pruner.lower() in PRUNERS:
        return PRUNERS[pruner.lower()]()
    raise ArgumentError(f"there is no pruner {pruner!r}; the pruners are {', '.join(PRUNERS)}")
