"""What an objective may return."""

from __future__ import annotations

import decimal
import json

import numpy as np
import pytest

from orion.experiment import InvalidResult
from orion.experiment.trial.measured import measured


@pytest.mark.parametrize(
    "result", [3, 3.0, np.float32(3), np.int64(3), np.array(3.0), np.array([3.0]), decimal.Decimal(3)]
)
def test_numbers_of_all_kinds(result: object) -> None:
    values, attributes = measured(result)
    assert type(values[0]) is float
    assert values == (3.0,)
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
    values, attributes = measured(
        {
            "objective": np.float64(1),
            "n": np.int64(3),
            "curve": np.arange(3),
            "note": "é",
            "model": object,
            7: [1, (2,)],
        }
    )
    assert values == (1.0,)
    assert attributes == {"n": 3, "curve": [0, 1, 2], "note": "é", "model": "<class 'object'>", "7": [1, [2]]}
    json.dumps(attributes)


def test_a_huge_attribute_is_cut() -> None:
    _, attributes = measured({"objective": 1, "model": {b"k" * 5000}})
    assert len(attributes["model"]) < 1100


@pytest.mark.parametrize("result", [(1, 2.0), [1.0, np.int64(2)], np.array([1, 2]), {"objective": (1, 2)}])
def test_several_objectives(result: object) -> None:
    assert measured(result, 2) == ((1.0, 2.0), {})


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (1.0, "returned 1.0, and the experiment has 2 objectives"),
        ((1.0, 2.0, 3.0), "has 2 objectives"),
        ("12", "has 2 objectives"),
        ((1.0, None), "as objective 1 None"),
        ({"objective": [1.0, float("inf")]}, "under the key 'objective', as objective 1 inf"),
    ],
)
def test_too_few_or_too_many_objectives(result: object, reason: str) -> None:
    with pytest.raises(InvalidResult) as caught:
        measured(result, 2)
    assert reason in str(caught.value)
