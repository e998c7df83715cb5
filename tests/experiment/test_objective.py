"""What an objective may be, and how it is called."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from orion.experiment import ObjectiveError
from orion.experiment.objectives.functions import DefineByRun, as_objective
from orion.experiment.trial.attempt import Assignment, Attempt


def attempt(**parameters: Any) -> Attempt:
    return Attempt(Assignment("e", 7, 1, parameters, seed=5))


def test_parameters_are_passed_by_name() -> None:
    assert as_objective(lambda *, a, b: a - b, {"a": 0, "b": 0})(attempt(b=1, a=5)) == ((4.0,), {})


def test_the_seed_is_passed_to_a_function_that_takes_it() -> None:
    assert as_objective(lambda x, seed: x + seed, {"x": 0})(attempt(x=1)) == ((6.0,), {})
    assert as_objective(lambda x, seed=0: x + seed, {"x": 0})(attempt(x=1)) == ((6.0,), {})
    assert as_objective(lambda x: x, {"x": 0})(attempt(x=1)) == ((1.0,), {})


def test_a_parameter_called_seed_is_the_users() -> None:
    assert as_objective(lambda seed: seed, {"seed": 0})(attempt(seed=3)) == ((3.0,), {})


def test_without_a_space_a_function_is_called_with_a_trial() -> None:
    assert isinstance(as_objective(lambda trial: 0, {}), DefineByRun)
    with pytest.raises(ObjectiveError, match="a trial, which it asks for its parameters"):
        as_objective(takes_two, {})


class Model:
    def method(self, x: float) -> float:
        return x

    def __call__(self, x: float) -> float:
        return x


def takes_keywords(**parameters: float) -> float:
    return 0.0


def takes_two(x: float, y: float) -> float:
    return 0.0


def with_default(x: float, folds: int = 5) -> float:
    return 0.0


async def coroutine(x: float) -> float:
    return 0.0


def positional(x: float, /) -> float:
    return 0.0


@pytest.mark.parametrize(
    "objective", [Model().method, Model(), takes_keywords, with_default, lambda x: x, functools.partial(takes_two, y=1)]
)
def test_callables_that_take_the_parameters(objective: Callable[..., Any]) -> None:
    as_objective(objective, {"x": 0})


@pytest.mark.parametrize(
    ("objective", "reason"),
    [
        (3, "not callable"),
        (None, "not callable"),
        (takes_two, "missing a required argument: 'y'"),
        (lambda: 0, "unexpected keyword argument 'x'"),
        (positional, "'x'"),
        (coroutine, "async"),
    ],
)
def test_what_cannot_be_called_with_the_parameters_is_refused(objective: Any, reason: str) -> None:
    with pytest.raises(ObjectiveError) as caught:
        as_objective(objective, {"x": 0})
    assert reason in str(caught.value)
