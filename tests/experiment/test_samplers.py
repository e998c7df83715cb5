"""Samplers by name, seeds and rounding."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from orion.experiment import ArgumentError, Experiment
from orion.experiment.samplers import Samplers

SPACE = {"x": FloatDistribution(0, 1), "k": CategoricalDistribution(["a", "b"])}


def suggestions(samplers: Samplers, count: int) -> list[dict[str, object]]:
    study = optuna.create_study()
    for number in range(count):
        study.sampler = samplers.for_trial(number)
        study.tell(study.ask(SPACE), number)
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("name", ["tpe", "random", "TPE"])
def test_a_seed_gives_the_same_suggestions(name: str) -> None:
    first = suggestions(Samplers(name, 1, {}), 15)
    assert suggestions(Samplers(name, 1, {}), 15) == first
    assert suggestions(Samplers(name, 2, {}), 15) != first
    assert len({str(parameters) for parameters in first}) == 15


def test_without_a_seed_they_differ() -> None:
    assert suggestions(Samplers("random", None, {}), 5) != suggestions(Samplers("random", None, {}), 5)


def test_an_optuna_sampler_is_used_as_it_is() -> None:
    sampler = optuna.samplers.NSGAIISampler(seed=3)
    assert Samplers(sampler, None, {}).for_trial(7) is sampler


@pytest.mark.parametrize("name", ["tpe", "random"])
def test_rounded_values_are_recorded_rounded(name: str) -> None:
    for parameters in suggestions(Samplers(name, 1, {"x": 2}), 30):
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
        ("grid", None, "there is no sampler 'grid'; the samplers are tpe, random"),
        (3, None, "there is no sampler 3"),
        (optuna.samplers.RandomSampler(), 1, "seed to the sampler itself"),
        ("tpe", 1.5, "the seed is a whole number"),
        ("tpe", True, "the seed is a whole number"),
    ],
)
def test_what_is_no_sampler_or_seed_is_refused(sampler: object, seed: object, reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Samplers(sampler, seed, {})  # type: ignore[arg-type]  # on purpose
    assert reason in str(caught.value)
