"""The folder of a Ray that is started here: it goes with its driver, or else with the next one; without any Ray."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion.executor._ray.folder import Folder

DRIVER = "from orion.executor._ray.folder import Folder; folder = Folder(); print(folder.path, flush=True); input()"


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="o") as folder:  # a short path, as is needed
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def test_what_a_killed_driver_has_left_is_removed_by_the_next_one(temporary: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        theirs = Path(driver.stdout.readline().decode().strip())
        (theirs / "session").mkdir()
        (theirs / "session" / "log").write_text("hello")
        Folder().remove()
        assert theirs.exists(), "its driver lives"
        driver.kill()
    ours = Folder()
    assert list(temporary.iterdir()) == [Path(ours.path)]
    ours.remove()
    assert list(temporary.iterdir()) == []


def test_what_is_no_such_folder_is_left_alone(temporary: Path) -> None:
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "driver").touch()
    (temporary / "orion-ray-link").symlink_to(elsewhere)
    (temporary / "orion-ray-other").mkdir()
    Folder().remove()
    assert sorted(path.name for path in temporary.iterdir()) == ["elsewhere", "orion-ray-link", "orion-ray-other"]
    assert (elsewhere / "driver").exists()
