"""One task of a stress run, and what has to come of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Case", "Ending", "Kind", "equals", "raises", "stopped"]


@dataclass(frozen=True)
class Ending:
    """How a task has ended."""

    value: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{type(self.error).__name__}: {str(self.error)[:600]}"
        return f"the value {repr(self.value)[:200]}"


Check = Callable[[Ending], bool]


@dataclass(frozen=True)
class Case:
    """A call, the options it is submitted under, and whether an ending is the right one."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    is_right: Check
    options: dict[str, Any] = field(default_factory=dict)
    needs_executor: bool = False
    """Whether the executor comes before ``args``."""
    refused: type[BaseException] | None = None
    """What ``submit`` itself has to raise."""


@dataclass(frozen=True)
class Kind:
    """A kind of task: its name, how often it is drawn, and how one is made; the folder is for what it writes."""

    name: str
    weight: float
    make: Callable[[random.Random, Path], Case]


def equals(value: Any) -> Check:
    return lambda ending: ending.error is None and type(ending.value) is type(value) and ending.value == value


def raises(kind: type[BaseException], *args: Any, text: str = "") -> Check:
    """Expect an exception of exactly this type; with ``args`` if any are given, and ``text`` in its message."""

    def check(ending: Ending) -> bool:
        error = ending.error
        return type(error) is kind and (not args or error.args == args) and (not text or text in str(error))

    return check


def stopped(kind: type[BaseException], **attributes: Any) -> Check:
    """Expect an error of this family whose attributes have these values."""

    def check(ending: Ending) -> bool:
        error = ending.error
        return isinstance(error, kind) and all(getattr(error, name) == value for name, value in attributes.items())

    return check
