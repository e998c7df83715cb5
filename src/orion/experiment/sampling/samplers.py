"""Samplers by name, seeded per trial."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from orion.experiment.errors import ArgumentError
from orion.experiment.sampling.seeds import sampler_seed
from orion.experiment.sampling.shaped_sampler import ShapedSampler
from orion.experiment.space.given_settings import GivenSampler, grid

if TYPE_CHECKING:
    from orion.experiment.space.search_space import SearchSpace

__all__ = ["SAMPLERS", "Samplers"]

_Make = Callable[[int | None], BaseSampler]

SAMPLERS: dict[str, _Make] = {
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, constant_liar=True),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "qmc": lambda seed: optuna.samplers.QMCSampler(
        seed=seed, scramble=True, warn_asynchronous_seeding=False, warn_independent_sampling=False
    ),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False),
    "nsgaii": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
    "nsgaiii": lambda seed: optuna.samplers.NSGAIIISampler(seed=seed),
}
_GRID = "grid"
_ONE_SEED = ("qmc",)  # its suggestions are one sequence
_EXPLORING = {"random": None, "qmc": None, "tpe": 10, "gp": 10, "cmaes": 1, "nsgaii": 50, "nsgaiii": 50}
"""How many trials are drawn before anything is learned; ``None``: all. Those follow the shape of a normal prior."""


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
    space
        What is searched. If it consists of given settings, these are taken in their order and ``sampler`` is not used.
    """

    def __init__(self, sampler: str | BaseSampler, seed: int | None, space: SearchSpace) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ArgumentError(f"the seed is a whole number, not {seed!r}")
        self._seed = seed
        self._space = space
        self._make: _Make | None = None
        self._exploring: int | None = 0
        settings = space.settings
        name = sampler.lower() if isinstance(sampler, str) else None
        if isinstance(sampler, BaseSampler):
            if seed is not None:
                raise ArgumentError("give the seed to the sampler itself: it was made outside of the experiment")
            self._shared = sampler
        elif settings is not None or name == _GRID:
            settings = grid(space.distributions) if settings is None else settings
            self._shared = GivenSampler(settings)
        elif name in SAMPLERS:
            make = SAMPLERS[name]
            self._shared = _made(name, make, seed if name in _ONE_SEED else None)
            self._make = None if seed is None or name in _ONE_SEED else make
            self._exploring = _EXPLORING.get(name, 0)
        else:
            raise ArgumentError(f"there is no sampler {sampler!r}; the samplers are {', '.join((*SAMPLERS, _GRID))}")
        self.size = len(settings) if settings is not None else None
        """How many trials there can be; ``None`` for any number."""

    def limit(self, max_trials: int | None) -> int:
        """Return how many trials there are to be, if so many are asked for; ``None`` asks for all that there can be."""
        if max_trials is None:
            if self.size is None:
                raise ArgumentError("say how many trials there are to be: max_trials")
            return self.size
        return max_trials if self.size is None else min(max_trials, self.size)

    def for_trial(self, number: int) -> BaseSampler:
        """Return the sampler that suggests the parameters of trial ``number``."""
        sampler = self._shared
        if self._make is not None:
            sampler = _quietly(self._make, sampler_seed(self._seed, number))
        exploring = self._exploring is None or number < self._exploring
        if not self._space.precisions and not (self._space.normals and exploring):
            return sampler
        return ShapedSampler(sampler, self._space.precisions, self._space.normals if exploring else {})


def _made(name: str, make: _Make, seed: int | None) -> BaseSampler:
    try:
        return _quietly(make, seed)
    except ImportError as error:
        raise ArgumentError(
            f"the sampler {name} needs {error.name or 'another library'}: pip install 'orion-executor[samplers]'"
        ) from error


def _quietly(make: _Make, seed: int | None) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of samplers that Optuna may still change
        return make(seed)
