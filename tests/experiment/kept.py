"""Objectives that are called in the driver's process as they are, not as copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Kept"]

_FUNCTIONS: list[Callable[..., Any]] = []


class Kept:
    """A function that stays where it is; what travels is its place."""

    def __init__(self, function: Callable[..., Any]) -> None:
        _FUNCTIONS.append(function)
        self._place = len(_FUNCTIONS) - 1

    def __call__(self, x: float) -> Any:
        return _FUNCTIONS[self._place](x)
