"""How many CPUs this process may really use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available_cpus", "resolve_n_workers"]

_CGROUP_ROOT = Path("/sys/fs/cgroup")


def resolve_n_workers(n_workers: int) -> int:
    """Return the number of workers meant by ``n_workers``; ``-1`` means every CPU this process may use.

    Raises
    ------
    TypeError
        If ``n_workers`` is not an integer.
    ValueError
        If it is zero or a negative number other than ``-1``.
    """
    if isinstance(n_workers, bool) or not hasattr(n_workers, "__index__"):
        raise TypeError(f"n_workers must be an integer, not {n_workers!r}")
    count = n_workers.__index__()
    if count == -1:
        return available_cpus()
    if count < 1:
        raise ValueError(f"n_workers must be positive, or -1 for every CPU this process may use; got {count}")
    return count


def available_cpus(cgroup_root: Path = _CGROUP_ROOT, membership: Path = Path("/proc/self/cgroup")) -> int:
    """Return the number of CPUs this process may use: its affinity, cut by any cgroup quota (at least 1)."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    quota = _cgroup_quota(cgroup_root, membership)
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def _cgroup_quota(root: Path, membership: Path) -> float | None:
    """Return the tightest CPU quota on the way from this process's cgroup to the root, in CPUs.

    Source: the kernel's ``Documentation/admin-guide/cgroup-v2.rst`` (``cpu.max``) and
    ``Documentation/scheduler/sched-bwc.rst`` (``cpu.cfs_quota_us``).
    """
    quotas = []
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            quotas += [_quota_v2(folder) for folder in _upwards(root, path)]
        elif "cpu" in controllers.split(","):
            quotas += [_quota_v1(folder) for folder in _upwards(root / "cpu", path)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _upwards(root: Path, path: str) -> list[Path]:
    folder = root / path.lstrip("/")
    return [folder, *(parent for parent in folder.parents if parent == root or root in parent.parents)]


def _quota_v2(folder: Path) -> float | None:
    fields = _read(folder / "cpu.max").split()
    if len(fields) != 2 or fields[0] == "max":
        return None
    return float(fields[0]) / float(fields[1])


def _quota_v1(folder: Path) -> float | None:
    quota, period = _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()
    if not quota or not period or float(quota) <= 0:
        return None
    return float(quota) / float(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
