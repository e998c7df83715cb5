"""Calling the user's objective, and what counts as a result. This runs in the workers: it imports nothing heavy."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, TypeAlias

from orion.experiment.errors import InvalidResult, ObjectiveError

__all__ = ["Objective", "check_objective", "evaluate", "measured"]

Objective: TypeAlias = Callable[..., Any]

_LONGEST_REPR = 1000


def check_objective(objective: Objective, parameters: Mapping[str, object]) -> None:
    """Check, without calling it, that the objective can be called with these parameters by name.

    Raises
    ------
    ObjectiveError
        If it is not callable, or does not take them.
    """
    if not callable(objective):
        raise ObjectiveError(f"the objective must be a function of the parameters; {objective!r} is not callable")
    name = getattr(objective, "__name__", repr(objective))
    if inspect.iscoroutinefunction(objective):
        raise ObjectiveError(f"{name} is an async function; the objective must be an ordinary one")
    try:
        signature = inspect.signature(objective)
    except (ValueError, TypeError):  # some built-in functions have none
        return
    try:
        signature.bind(**parameters)
    except TypeError as error:
        raise ObjectiveError(
            f"{name}{signature} cannot be called with the parameters of the space ({', '.join(parameters)}): {error}"
        ) from None


def evaluate(objective: Objective, parameters: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Call the objective and return its value and the attributes to record with it.

    Raises
    ------
    InvalidResult
        If what it returned is neither a finite number nor a mapping with one under ``"objective"``.
    """
    return measured(objective(**parameters))


def measured(result: Any) -> tuple[float, dict[str, Any]]:
    """Return the objective value and the attributes that an objective's result stands for."""
    if not isinstance(result, Mapping):
        return _finite(result, "the objective returned"), {}
    if "objective" not in result:
        keys = ", ".join(map(repr, result)) or "none"
        raise InvalidResult(f"the objective returned a mapping without the key 'objective' (its keys: {keys})")
    value = _finite(result["objective"], "the objective returned, under the key 'objective',")
    return value, {str(key): _recordable(item) for key, item in result.items() if key != "objective"}


def _finite(value: Any, subject: str) -> float:
    if value is None:
        raise InvalidResult(f"{subject} None; does it lack a return statement?")
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


def _recordable(value: Any) -> Any:
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
