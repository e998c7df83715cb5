"""What belongs to the user's script, in a worker, whose ``__main__`` is another."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FunctionType

__all__ = ["settle_in"]

_MAIN = "__main__"


def settle_in(parts: Iterable[object]) -> None:
    """Have functions and classes of a script, which have come by value, found in this process's ``__main__`` by name.

    So they can be passed on to processes that a task forks, by a ``multiprocessing.Pool`` for instance, which pickles
    them by name. ``parts`` are a function and its arguments.
    """
    for part in parts:
        if (type(part) is FunctionType or type(part) is type) and part.__module__ == _MAIN:
            main = vars(sys.modules[_MAIN])
            if main.get(part.__name__) is not part:
                main[part.__name__] = part
                main.update(_others_of_script(getattr(part, "__globals__", main)))


def _others_of_script(names: dict[str, object]) -> dict[str, object]:
    return {
        name: value
        for name, value in names.items()
        if isinstance(value, FunctionType | type) and value.__module__ == _MAIN
    }
