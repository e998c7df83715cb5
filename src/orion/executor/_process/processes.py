"""Which processes belong to which, as /proc tells."""

from __future__ import annotations

import contextlib
import os

__all__ = ["children", "tree"]

_TOLD = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # by a kernel with CONFIG_PROC_CHILDREN


def children(pid: int) -> list[int]:
    """Return the children of a process, which may have several threads; ended ones are not left out."""
    if not _TOLD:
        return [int(other) for other in _processes() if _parent(other) == pid]
    found: list[int] = []
    for thread in _listed(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
            found += map(int, file.read().split())
    return found


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    for parent in found:  # which grows
        found += children(parent)
    return found


def _processes() -> list[str]:
    return [name for name in _listed("/proc") if name.isdigit()]


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return None
