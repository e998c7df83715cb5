"""A sampler for tests."""

from __future__ import annotations

from typing import Any

import optuna

__all__ = ["EachInTurn"]


class EachInTurn(optuna.samplers.BaseSampler):
    """Suggests the choices in their order, by the number of the trial."""

    def infer_relative_search_space(self, study: optuna.Study, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: optuna.Study, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: optuna.Study, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return param_distribution.choices[trial.number % len(param_distribution.choices)]
