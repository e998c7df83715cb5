"""What is built, and what its parts are called."""

from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import orion.executor
import orion.experiment

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_the_wheel_holds_every_module_and_no_more(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = [file for file in SOURCES.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert packed == {file.relative_to(SOURCES).as_posix() for file in files}


def test_orion_is_a_namespace_and_its_packages_are_typed(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert "orion/__init__.py" not in names
    assert {"orion/executor/py.typed", "orion/experiment/py.typed"} <= names


def test_the_command_comes_with_the_wheel(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "orion-executor = orion.experiment.__main__:main" in wheel.read(name).decode()


@pytest.mark.parametrize("package", [orion.executor, orion.experiment])
def test_every_public_name_is_there_and_documented(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]  # both have it
    assert sorted(set(names)) == sorted(names)
    for name in names:
        assert getattr(package, name).__doc__


def test_every_module_says_what_it_is_for() -> None:
    for path in SOURCES.rglob("*.py"):
        name = ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
        assert importlib.import_module(name).__doc__, path
