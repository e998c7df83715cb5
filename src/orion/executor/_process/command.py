"""How a new interpreter is started that finds the same modules as this one."""

from __future__ import annotations

import os
import subprocess
import sys

from orion.executor._process.search_path import import_path

__all__ = ["command", "reserve_standard_descriptors"]


def reserve_standard_descriptors() -> None:
    """Open the null device in the place of standard descriptors that are closed, as they are in a daemon.

    Else the next files that are opened get their numbers, a pool's own among them, and what anybody prints goes there.
    """
    while True:
        fd = os.open(os.devnull, os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return
        os.set_inheritable(fd, True)


def command(module: str, *arguments: int) -> list[str]:
    """Return the command that calls ``main`` of a module, which finds the arguments in ``sys.argv[2:]``."""
    code = f"import sys; sys.path[:] = sys.argv[1].split('\\n'); from {module} import main; main()"
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return [sys.executable, *flags, "-c", code, "\n".join(import_path()), *map(str, arguments)]
