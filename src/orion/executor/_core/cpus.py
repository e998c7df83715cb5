"""How many CPUs this process may really use."""

from __future__ import annotations

import math
import os

__all__ = ["available_cpus", "resolve_n_workers"]

# Texts, not objects of pathlib: the first result would wait for that to be imported.
_CGROUP_ROOT = "/sys/fs/cgroup"
_MEMBERSHIP = "/proc/self/cgroup"


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


def available_cpus(
    cgroup_root: str | os.PathLike[str] = _CGROUP_ROOT, membership: str | os.PathLike[str] = _MEMBERSHIP
) -> int:
    """Return the number of CPUs this process may use: its affinity, cut by any cgroup quota (at least 1)."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    quota = _cgroup_quota(os.fspath(cgroup_root), os.fspath(membership))
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def _cgroup_quota(root: str, membership: str) -> float | None:
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
            quotas += [_quota_v1(folder) for folder in _upwards(os.path.join(root, "cpu"), path)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _upwards(root: str, path: str) -> list[str]:
    """Return the folder of a cgroup and those above it, up to the root."""
    names = path.strip("/").split("/") if path.strip("/") else []
    return [os.path.join(root, *names[:count]) for count in range(len(names), -1, -1)]


def _quota_v2(folder: str) -> float | None:
    fields = _read(os.path.join(folder, "cpu.max")).split()
    if len(fields) != 2 or fields[0] == "max":
        return None
    return float(fields[0]) / float(fields[1])


def _quota_v1(folder: str) -> float | None:
    quota = _read(os.path.join(folder, "cpu.cfs_quota_us")).strip()
    period = _read(os.path.join(folder, "cpu.cfs_period_us")).strip()
    if not quota or not period or float(quota) <= 0:
        return None
    return float(quota) / float(period)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
