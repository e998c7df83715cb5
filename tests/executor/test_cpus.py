"""How many CPUs this process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orion.executor._core.cpus import available_cpus, resolve_n_workers

MANY = 64


@pytest.fixture(autouse=True)
def many_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(MANY)))


def cpus(folder: Path, membership: str, files: dict[str, str]) -> int:
    root = folder / "cgroup"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    own = folder / "membership"
    own.write_text(membership)
    return available_cpus(root, own)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, MANY),
        ({"job/step/cpu.max": "max 100000\n"}, MANY),
        ({"job/step/cpu.max": "200000 100000\n"}, 2),
        ({"job/step/cpu.max": "150000 100000\n"}, 2),
        ({"job/step/cpu.max": "10000 100000\n"}, 1),
        ({"job/step/cpu.max": "max 100000\n", "job/cpu.max": "300000 100000\n"}, 3),
        ({"job/step/cpu.max": "800000 100000\n", "job/cpu.max": "300000 100000\n"}, 3),
        ({"cpu.max": "400000 100000\n"}, 4),
        ({"job/step/cpu.max": "99999999 100000\n"}, MANY),
        ({"job/step/cpu.max": "\n"}, MANY),
        ({"elsewhere/cpu.max": "100000 100000\n"}, MANY),
    ],
)
def test_version_2(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert cpus(tmp_path, "0::/job/step\n", files) == expected


@pytest.mark.parametrize(
    ("quota", "period", "expected"), [("-1", "100000", MANY), ("250000", "100000", 3), ("50000", "100000", 1)]
)
def test_version_1(tmp_path: Path, quota: str, period: str, expected: int) -> None:
    membership = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
    files = {"cpu/docker/abc/cpu.cfs_quota_us": quota + "\n", "cpu/docker/abc/cpu.cfs_period_us": period + "\n"}
    assert cpus(tmp_path, membership, files) == expected


def test_version_1_seen_from_inside_a_container(tmp_path: Path) -> None:
    """There the mount's root is the container's own group, whatever path the kernel names."""
    files = {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert cpus(tmp_path, "4:cpu,cpuacct:/docker/abc\n", files) == 2


def test_the_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5, 9})
    assert cpus(tmp_path, "0::/\n", {"cpu.max": "max 100000\n"}) == 3
    assert cpus(tmp_path, "0::/\n", {"cpu.max": "200000 100000\n"}) == 2


def test_without_cgroups(tmp_path: Path) -> None:
    assert available_cpus(tmp_path / "none", tmp_path / "nothing") == MANY


def test_where_there_is_no_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert available_cpus(tmp_path / "none", tmp_path / "nothing") == (os.cpu_count() or 1)


def test_numbers_are_checked() -> None:
    assert resolve_n_workers(3) == 3
    assert resolve_n_workers(-1) >= 1
    for wrong in (0, -2, -100):
        with pytest.raises(ValueError, match="n_workers"):
            resolve_n_workers(wrong)
    for kind in ("4", 2.0, None, True, [1]):
        with pytest.raises(TypeError, match="n_workers"):
            resolve_n_workers(kind)  # type: ignore[arg-type]


def test_whole_numbers_of_other_libraries_are_taken() -> None:
    numpy = pytest.importorskip("numpy")
    assert type(resolve_n_workers(numpy.int64(3))) is int
