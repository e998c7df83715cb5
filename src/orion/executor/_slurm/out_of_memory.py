"""Whether the kernel has killed processes of this job because there was no more memory for it.

Slurm bounds a job's memory by a control group, of which the kernel kills a process. To whoever started that process it
looks like any ``kill -9``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

__all__ = ["count_kills"]

_GROUPS = Path("/sys/fs/cgroup")


def count_kills() -> int:
    """Return how many processes of this one's control group were killed so until now; 0 where that is not known.

    Sources: ``memory.events`` in the kernel's cgroup-v2.rst, and ``memory.oom_control`` in cgroup-v1/memory.rst.
    """
    for file in _files():
        try:
            lines = file.read_text().splitlines()
        except OSError:
            continue
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return 0


def _files() -> Iterator[Path]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield _GROUPS / "memory" / path[1:] / "memory.oom_control"
        elif not controllers:
            yield _GROUPS / path[1:] / "memory.events"
