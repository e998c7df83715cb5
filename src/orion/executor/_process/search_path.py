"""Modules that became importable after the workers had started."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["PathFirst", "import_path"]


def import_path() -> list[str]:
    """Return where this process imports modules from, as other processes can use it."""
    return [os.path.abspath(entry) for entry in sys.path if isinstance(entry, str)]


class PathFirst:
    """Pickles as a function whose module is found in this process's import path of now."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function = function
        self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __reduce__(self) -> tuple[object, ...]:
        # A tuple is loaded in order: the path is there before the function is looked up.
        return _second, (_Extension(import_path()), self._function)


class _Extension:
    def __init__(self, path: list[str]) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return _extend, (self._path,)


def _extend(path: list[str]) -> None:
    sys.path[:] = path + [entry for entry in sys.path if entry not in path]


def _second(_: None, function: Callable[..., Any]) -> Callable[..., Any]:
    return function
