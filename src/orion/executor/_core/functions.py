"""Functions that travel by value, serialised once rather than for every call.

Serialising a function of ``__main__``, a lambda or a closure takes many times as long as the rest of a call. While
nothing that it depends on has changed, it is serialised once here, and loaded once by each worker.
"""

from __future__ import annotations

import builtins
import pickle
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["Shipped", "shipped"]

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), CodeType)
# By these a function can reach what its code does not name.
_LOOPHOLES = {"globals", "vars", "eval", "exec", "__globals__", "__closure__"}
_WRITES_GLOBALS = {"STORE_GLOBAL", "DELETE_GLOBAL"}
_WRITES_CELLS = {"STORE_DEREF", "DELETE_DEREF"}
_MISSING = object()


class Shipped:
    """Pickles as the function that its bytes hold."""

    __slots__ = ("_depends_on", "data", "n_main")

    def __init__(self, data: bytes, depends_on: list[object]) -> None:
        self.data = data
        self.n_main = data.count(b"__main__")
        self._depends_on = depends_on

    def __reduce__(self) -> tuple[object, ...]:
        return _load, (self.data,)

    def is_current(self, depends_on: list[object]) -> bool:
        """Return whether the function depends on the very same objects as when it was serialised."""
        return len(depends_on) == len(self._depends_on) and all(
            now is then for now, then in zip(depends_on, self._depends_on, strict=True)
        )


_shipped: WeakKeyDictionary[FunctionType, Shipped | None] = WeakKeyDictionary()


def shipped(function: object) -> Shipped | None:
    """Return a function that travels by value as it is shipped; ``None`` if it is to be serialised with its call.

    That is so if it travels by name, or if it might be changed without that being seen here, or might change itself.
    """
    if type(function) is not FunctionType or _travels_by_name(function):
        return None
    known = _shipped.get(function, _MISSING)
    if known is None:
        return None
    depends_on = list(_dependencies(function, set()))
    if isinstance(known, Shipped) and known.is_current(depends_on):
        return known
    if not all(map(_immutable, depends_on)) or not _is_pure(function.__code__):
        if all(value is not _MISSING for value in depends_on):
            _shipped[function] = None
        return None
    import cloudpickle

    made = Shipped(cloudpickle.dumps(function, pickle.HIGHEST_PROTOCOL), depends_on)
    _shipped[function] = made
    return made


@lru_cache(maxsize=64)
def _load(data: bytes) -> Any:
    return pickle.loads(data)


def _dependencies(function: FunctionType, seen: set[int]) -> Iterator[object]:
    """Yield all that decides what a function does: code, defaults, what it closes over, globals, and theirs."""
    if id(function) in seen:
        return
    seen.add(id(function))
    yield function.__code__
    yield function.__defaults__
    values = [*(function.__kwdefaults__ or {}).values(), *function.__dict__.values()]
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not filled yet
            values.append(_MISSING)
    names = function.__globals__
    values += [names[name] for name in _names(function.__code__) if name in names]
    for value in values:
        if type(value) is FunctionType and not _travels_by_name(value):
            yield from _dependencies(value, seen)
        else:
            yield value


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """Return every name that the code, or a function defined in it, could look up in its globals."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= set(_names(constant))
    return tuple(sorted(names))


@lru_cache(maxsize=1024)
def _is_pure(code: CodeType) -> bool:
    """Return whether the code leaves its globals and what it closes over as they are."""
    import dis  # which workers do without

    outer = set(code.co_freevars)
    pending = [code]
    while pending:
        current = pending.pop()
        if _LOOPHOLES & set(current.co_names):
            return False
        for instruction in dis.get_instructions(current):
            if instruction.opname in _WRITES_GLOBALS:
                return False
            if instruction.opname in _WRITES_CELLS and instruction.argval in outer:
                return False
        pending += [constant for constant in current.co_consts if isinstance(constant, CodeType)]
    return True


def _immutable(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return type(value) in (tuple, frozenset) and all(map(_immutable, value))
    if type(value) in _ATOMS or isinstance(value, ModuleType | BuiltinFunctionType):
        return True
    return isinstance(value, type | FunctionType) and _travels_by_name(value)


def _travels_by_name(value: Any) -> bool:
    """Return whether a function or class is found, in any process, by its module and name."""
    module = value.__module__
    if module is None or module in ("__main__", "__mp_main__") or "<locals>" in value.__qualname__:
        return False
    found: Any = sys.modules.get(module, builtins if module == "builtins" else None)
    if getattr(found, value.__qualname__, None) is value:
        return True
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value
