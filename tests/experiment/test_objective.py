"""What an objective may be and what it may return."""

from __future__ import annotations

import decimal
import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from orion.experiment import InvalidResult, ObjectiveError
from orion.experiment.objective import check_objective, evaluate, measured


@pytest.mark.parametrize(
    "result", [3, 3.0, np.float32(3), np.int64(3), np.array(3.0), np.array([3.0]), decimal.Decimal(3)]
)
def test_numbers_of_all_kinds(result: object) -> None:
    value, attributes = measured(result)
    assert type(value) is float
    assert value == 3.0
    assert attributes == {}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (None, "returned None; does it lack a return"),
        (float("nan"), "returned nan"),
        (float("-inf"), "returned -inf"),
        (10**400, "returned inf"),
        ("0.5", "returned '0.5' (str), which is no number"),
        (True, "returned True (bool)"),
        (np.bool_(True), "which is no number"),
        (1j, "(complex)"),
        ([1.0], "(list)"),
        (np.zeros(2), "(ndarray)"),
        ({"accuracy": 1.0}, "without the key 'objective' (its keys: 'accuracy')"),
        ({}, "its keys: none"),
        ({"objective": None}, "under the key 'objective', None"),
        ({"objective": "x"}, "under the key 'objective', 'x' (str)"),
    ],
)
def test_what_is_no_finite_number_is_a_failure_with_a_reason(result: object, reason: str) -> None:
    with pytest.raises(InvalidResult) as caught:
        measured(result)
    assert reason in str(caught.value)


def test_the_rest_of_a_mapping_are_attributes_that_json_can_hold() -> None:
    value, attributes = measured(
        {
            "objective": np.float64(1),
            "n": np.int64(3),
            "curve": np.arange(3),
            "note": "é",
            "model": object,
            7: [1, (2,)],
        }
    )
    assert value == 1.0
    assert attributes == {"n": 3, "curve": [0, 1, 2], "note": "é", "model": "<class 'object'>", "7": [1, [2]]}
    json.dumps(attributes)


def test_a_huge_attribute_is_cut() -> None:
    _, attributes = measured({"objective": 1, "model": {b"k" * 5000}})
    assert len(attributes["model"]) < 1100


def test_evaluate_passes_parameters_by_name() -> None:
    assert evaluate(lambda *, a, b: a - b, {"b": 1, "a": 5}) == (4.0, {})


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
    check_objective(objective, {"x": 0})


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
        check_objective(objective, {"x": 0})
    assert reason in str(caught.value)
