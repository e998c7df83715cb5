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
from orion.experiment.space.priors import FidelityPrior

__all__ = ["PRUNERS", "make_pruner"]

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "percentile": lambda: PercentilePruner(25.0),
    "halving": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
}


def make_pruner(pruner: str | BasePruner, fidelity: FidelityPrior | None = None) -> BasePruner:
    """Return the pruner that a name stands for; an Optuna pruner is used as it is.

    Parameters
    ----------
    pruner
        The name.
    fidelity
        How far trials go, for the pruners that need to know.

    Raises
    ------
    ArgumentError
        For an unknown name; the message lists the known ones.
    """
    if isinstance(pruner, BasePruner):
        return pruner
    if isinstance(pruner, str) and pruner.lower() in PRUNERS:
        if fidelity is not None and pruner.lower() == "halving":
            return SuccessiveHalvingPruner(min_resource=fidelity.low, reduction_factor=fidelity.base)
        if fidelity is not None and pruner.lower() == "hyperband":
            return HyperbandPruner(fidelity.low, fidelity.high, reduction_factor=fidelity.base)
        return PRUNERS[pruner.lower()]()
    raise ArgumentError(f"there is no pruner {pruner!r}; the pruners are {', '.join(PRUNERS)}")
