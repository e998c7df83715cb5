"""Samplers by name, seeds and rounding."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from statistics import mean, stdev

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from orion.experiment import ArgumentError, Experiment
from orion.experiment.sampling.samplers import SAMPLERS, Samplers
from orion.experiment.space.search_space import SearchSpace

SPACE = {"x": FloatDistribution(0, 1), "k": CategoricalDistribution(["a", "b"])}
NO_SPACE = SearchSpace()


def suggestions(samplers: Samplers, count: int) -> list[dict[str, object]]:
    study = optuna.create_study()
    for number in range(count):
        study.sampler = samplers.for_trial(number)
        study.tell(study.ask(SPACE), number)
    return [trial.params for trial in study.trials]


NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch"))
    if name == "gp"
    else name
    for name in SAMPLERS
]


@pytest.mark.parametrize("name", [*NAMES, "TPE"])
def test_a_seed_gives_the_same_suggestions(name: str) -> None:
    first = suggestions(Samplers(name, 1, NO_SPACE), 15)
    assert suggestions(Samplers(name, 1, NO_SPACE), 15) == first
    assert suggestions(Samplers(name, 2, NO_SPACE), 15) != first
    assert len({str(parameters) for parameters in first}) == 15


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_runs_an_experiment(name: str, tmp_path: Path) -> None:
    space = {"x": "normal(0, 1, precision=3)", "n": "normal(5, 2, discrete=True)", "k": "choices(['a', 'b'])"}
    experiment = Experiment("e", space, tmp_path / "e.db", sampler=name, seed=1)
    result = experiment.run(lambda n, k, x: x + n, 12, "single", progress=False)
    assert result.counts == {"completed": 12}


def test_a_normal_prior_is_drawn_from_its_distribution() -> None:
    space = SearchSpace.build({"x": "normal(3, 2)", "n": "normal(0, 1, discrete=True)"})
    samplers = Samplers("random", 1, space)
    study = optuna.create_study()
    for number in range(400):
        study.sampler = samplers.for_trial(number)
        study.tell(study.ask(space.distributions), 0)
    values = [trial.params["x"] for trial in study.trials]
    whole = [trial.params["n"] for trial in study.trials]
    assert abs(mean(values) - 3) < 0.3
    assert abs(stdev(values) - 2) < 0.3
    assert all(isinstance(value, int) for value in whole)
    # A whole number stands for the reals that are rounded to it, which adds a twelfth to the variance.
    assert abs(stdev(whole) - (1 + 1 / 12) ** 0.5) < 0.15


def test_without_a_seed_they_differ() -> None:
    assert suggestions(Samplers("random", None, NO_SPACE), 5) != suggestions(Samplers("random", None, NO_SPACE), 5)


def test_an_optuna_sampler_is_used_as_it_is() -> None:
    sampler = optuna.samplers.NSGAIISampler(seed=3)
    assert Samplers(sampler, None, NO_SPACE).for_trial(7) is sampler


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_rounded_values_are_recorded_rounded(name: str) -> None:
    for parameters in suggestions(Samplers(name, 1, SearchSpace(precisions={"x": 2})), 30):
        x = parameters["x"]
        assert isinstance(x, float)
        assert float(f"{x:.1e}") == x


def test_rounding_stays_within_the_bounds(tmp_path: Path) -> None:
    experiment = Experiment("e", {"x": "uniform(0.1234, 0.1245, precision=2)"}, tmp_path / "e.db", seed=1)
    result = experiment.run(lambda x: x, 5, "single", progress=False)
    assert {trial.parameters["x"] for trial in result.trials} == {0.1234}


@pytest.mark.parametrize(
    ("sampler", "seed", "reason"),
    [
        ("best", None, "there is no sampler 'best'; the samplers are tpe, random, cmaes"),
        (3, None, "there is no sampler 3"),
        (optuna.samplers.RandomSampler(), 1, "seed to the sampler itself"),
        ("tpe", 1.5, "the seed is a whole number"),
        ("tpe", True, "the seed is a whole number"),
    ],
)
def test_what_is_no_sampler_or_seed_is_refused(sampler: object, seed: object, reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Samplers(sampler, seed, NO_SPACE)  # type: ignore[arg-type]  # on purpose
    assert reason in str(caught.value)
