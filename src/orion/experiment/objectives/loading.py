"""Finding the objective that the command line names: ``path/to/file.py:function`` or ``module:function``.

A file is imported as an ordinary module whose folder comes first on ``sys.path``, as when Python runs it as a script.
Workers share the driver's ``sys.path``, so they import it by the same name: its top level runs once in each worker, and
modules beside it are found.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from orion.experiment.errors import ObjectiveError

__all__ = ["load_objective"]


def load_objective(target: str) -> Callable[..., Any]:
    """Return the function that ``target`` names.

    Raises
    ------
    ObjectiveError
        If there is no such file, module or function, or if importing it fails.
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise ObjectiveError(f"{target!r}: name the function too, as in file.py:function or module:function")
    looks_like_file = place.endswith(".py") or os.sep in place
    module = _load_file(Path(place)) if looks_like_file else _load_module(place, place)
    try:
        function: Callable[..., Any] = getattr(module, name)
    except AttributeError:
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        known = f"; it has {', '.join(functions[:8])}" if functions else ""
        raise ObjectiveError(f"{place} has no function {name!r}{known}") from None
    if not callable(function):
        raise ObjectiveError(f"{target} is not a function but {type(function).__name__}")
    return function


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ObjectiveError(f"{path}: no such file")
    path = path.resolve()
    known = sys.modules.get(path.stem)
    taken = path.stem in sys.stdlib_module_names and path.stem != "test"
    if taken or "." in path.stem or (known is not None and not _is_from(known, path)):
        raise ObjectiveError(f"{path}: its name would hide the module {path.stem!r}; rename the file")
    _put_first(path.parent)
    module = _load_module(path.stem, str(path))
    if not _is_from(module, path):
        raise ObjectiveError(f"{path}: importing {path.stem!r} finds {module.__file__} instead; rename the file")
    return module


def _load_module(name: str, shown: str) -> ModuleType:
    if name == shown:
        _put_first(Path.cwd())
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's file may do anything, also exit
        raise ObjectiveError(f"{shown} cannot be imported: {_describe(error, shown)}") from error


def _describe(error: BaseException, file: str) -> str:
    """Return type, message and, where it is in ``file``, the line."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" + (f" (line {line})" if line is not None else "")


def _is_from(module: ModuleType, path: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).resolve() == path


def _put_first(folder: Path) -> None:
    entry = str(folder)
    if entry in sys.path:
        sys.path.remove(entry)
    sys.path.insert(0, entry)
