"""No space left: for the database, and for what trials write."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion.experiment import Experiment

SPACE = {"x": "uniform(0, 1)"}
SMALL = 10_000_000

OBJECTIVE = """
def talkative(x):
    print("x" * 12_000_000)
    return x

def wordy(x):
    return {"objective": x, "text": "x" * 100_000}
"""


def run(folder: Path, function: str, *arguments: str, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    (folder / "objectives.py").write_text(OBJECTIVE)
    space = [word for name, prior in SPACE.items() for word in ("--space", f"{name}={prior}")]

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "orion.experiment", "run", "-n", "e", f"objectives.py:{function}", *space, *arguments],
        cwd=folder, preexec_fn=limited, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip


def test_a_trial_whose_output_has_no_room_is_queued_again(tmp_path: Path) -> None:
    ended = run(tmp_path, "talkative", "--executor", "single", "--max-trials", "9", limit=SMALL)
    assert ended.returncode == 2, ended.stderr
    assert "orion-executor: trial 0 cannot write: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert Experiment("e", SPACE, tmp_path / "experiments.db").result().counts == {"waiting": 1}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_disk_that_is_full_ends_the_run_and_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    storage = ("--storage", str(small_disk / "e.db"), "--folder", str(tmp_path / "folders"))
    ended = run(tmp_path, "wordy", *storage, "--executor", "single", "--max-trials", "100")
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("orion-executor: ")
    assert "full" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    told = ended.stderr.count("] trial ")
    assert told > 3
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    result = Experiment("e", SPACE, small_disk / "e.db").result()
    assert result.counts["completed"] == told
    again = run(tmp_path, "wordy", *storage, "--executor", "single", "--max-trials", str(told + 3))
    assert again.returncode == 0, again.stderr
    assert Experiment("e", SPACE, small_disk / "e.db").result().counts == {"completed": told + 3}
