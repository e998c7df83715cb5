"""How much memory a process and its descendants use, and whether the kernel has killed for want of it."""

from __future__ import annotations

import os

from orion.executor._process.processes import tree

__all__ = ["exceeds", "kernel_kills"]


def exceeds(pid: int, limit_bytes: float) -> bool:
    """Return whether the processes below ``pid``, itself included, use more memory than ``limit_bytes``.

    Memory that they share is counted once: the proportional set size (proc_pid_smaps(5)) decides. It is
    slow to read, so the resident size, which is never smaller, is asked first.
    """
    processes = tree(pid)
    if sum(map(_resident, processes)) <= limit_bytes:
        return False
    return sum(map(_proportional, processes)) > limit_bytes


def kernel_kills() -> int:
    """Return how many processes the kernel has killed, since it started, because memory ran out."""
    for line in _read("/proc/vmstat").splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _proportional(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _resident(pid)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:  # it has ended
        return ""
