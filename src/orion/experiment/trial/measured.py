"""What counts as an objective's result. This runs in the workers: it imports nothing heavy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, TypeAlias

from orion.experiment.errors import InvalidResult

__all__ = ["measured", "recordable"]

_LONGEST_REPR = 1000
_RETURNED = "the objective returned"

Measured: TypeAlias = tuple[tuple[float, ...], dict[str, Any]]


def measured(result: Any, n_objectives: int = 1, subject: str = _RETURNED) -> Measured:
    """Return the objective values and the attributes that an objective's result stands for.

    Parameters
    ----------
    result
        A number, or several in a sequence; or a mapping with that under ``"objective"``.
    n_objectives
        How many numbers there have to be.
    subject
        How a message about the result begins.

    Raises
    ------
    InvalidResult
        If there is no finite number where there has to be one, or another number of them.
    """
    if not isinstance(result, Mapping):
        return _values(result, n_objectives, subject), {}
    if "objective" not in result:
        keys = ", ".join(map(repr, result)) or "none"
        raise InvalidResult(f"{subject} a mapping without the key 'objective' (its keys: {keys})")
    values = _values(result["objective"], n_objectives, f"{subject}, under the key 'objective',")
    return values, {str(key): recordable(item) for key, item in result.items() if key != "objective"}


def _values(value: Any, n_objectives: int, subject: str) -> tuple[float, ...]:
    if n_objectives == 1:
        return (_finite(value, subject),)
    numbers = _plain_list(value)
    if numbers is None or len(numbers) != n_objectives:
        raise InvalidResult(f"{subject} {_short(value)}, and the experiment has {n_objectives} objectives")
    return tuple(_finite(number, f"{subject} as objective {place}") for place, number in enumerate(numbers))


def _plain_list(value: Any) -> list[Any] | None:
    """Return the items of a list, a tuple or an array with one dimension; ``None`` for anything else."""
    value = getattr(value, "tolist", lambda: value)()
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else None


def _finite(value: Any, subject: str) -> float:
    if value is None:
        hint = "; does it lack a return statement?" if subject.startswith(_RETURNED) else ""
        raise InvalidResult(f"{subject} None{hint}")
    number = _plain(value)
    if isinstance(number, bool) or not isinstance(number, Real | Decimal):
        raise InvalidResult(f"{subject} {_short(value)} ({type(value).__name__}), which is no number")
    try:
        number = float(number)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidResult(f"{subject} {number}, which cannot be compared with other trials")
    return number


def _plain(value: Any) -> Any:
    """Return the Python number in a NumPy scalar or a tensor with one element; other values as they are."""
    item = getattr(value, "item", None)
    if isinstance(value, Real) or not callable(item):
        return value
    try:
        return item()
    except (TypeError, ValueError, RuntimeError):  # more than one element
        return value


def recordable(value: Any) -> Any:
    """Return an attribute as JSON can hold it; what JSON cannot hold becomes its ``repr``, so that nothing is lost."""
    for candidate in (value, _plain(value), getattr(value, "tolist", lambda: value)()):
        try:
            return json.loads(json.dumps(candidate))
        except (TypeError, ValueError, RecursionError):
            continue
    return _short(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_REPR else text[:_LONGEST_REPR] + " …"
