"""Search spaces: from priors and Optuna distributions, and against what was recorded."""

from __future__ import annotations

import json

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from orion.experiment import SpaceError
from orion.experiment.space.search_space import SearchSpace


def test_notation_and_distributions_mix() -> None:
    space = SearchSpace.build(
        {
            "lr": "loguniform(1e-5, 1, precision=2, default_value=0.1)",
            "depth": "uniform(1, 10, discrete=True)",
            "kind": "choices(['a', 'b'])",
            "width": IntDistribution(8, 64, step=8),
        }
    )
    assert space.distributions == {
        "lr": FloatDistribution(1e-5, 1.0, log=True),
        "depth": IntDistribution(1, 10),
        "kind": CategoricalDistribution(("a", "b")),
        "width": IntDistribution(8, 64, step=8),
    }
    assert space.precisions == {"lr": 2}
    assert space.defaults == {"lr": 0.1}


def test_an_error_names_the_parameter() -> None:
    with pytest.raises(SpaceError, match="parameter 'lr': there is no prior 'log'") as caught:
        SearchSpace.build({"x": "uniform(0, 1)", "lr": "log(1)"})
    assert caught.value.text == "log(1)"


@pytest.mark.parametrize(
    "space", [{}, [], None, "uniform(0, 1)", {"x": 3}, {"": "uniform(0, 1)"}, {1: "uniform(0, 1)"}]
)
def test_what_is_no_space_is_refused(space: object) -> None:
    with pytest.raises(SpaceError):
        SearchSpace.build(space)  # type: ignore[arg-type]  # on purpose


def recorded(space: SearchSpace) -> dict[str, object]:
    return json.loads(json.dumps(space.record()))  # type: ignore[no-any-return]  # as a database gives it back


def test_the_same_space_written_otherwise_is_the_same() -> None:
    old = SearchSpace.build({"x": "uniform(0, 1)", "k": "choices('a', 'b')"})
    new = SearchSpace.build({"k": "choices(['a','b'])", "x": FloatDistribution(0, 1)})
    assert new.differences(recorded(old)) == []


def test_differences_are_named() -> None:
    old = SearchSpace.build({"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "uniform(0, 1)"})
    new = SearchSpace.build({"x": "uniform(0, 2)", "y": "uniform(0, 1, precision=2)", "w": "randint(0, 3)"})
    assert new.differences(recorded(old)) == [
        "w is new",
        "z is missing",
        "x was uniform(0, 1) and is now uniform(0, 2)",
        "y was uniform(0, 1) and is now uniform(0, 1, precision=2)",
    ]
