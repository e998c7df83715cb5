"""Every way to start Python works, with functions of ``__main__`` and no guard."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from orion.executor import create_executor

class Point:
    def __init__(self, x): self.x = x

def square(point): return Point(point.x ** 2)

for name in ("single", "thread", "process"):
    with create_executor(name, n_workers=2) as executor:
        futures = [executor.submit(square, Point(n)) for n in range(4)]
        values = [point.x for point in executor.wait(futures)]
        nested = executor.submit(lambda: executor.submit(square, Point(5)).get().x).get()
    print(name, values, nested)

"""

EXPECTED = [f"{name} [0, 1, 4, 9] 25" for name in ("single", "thread", "process")]


def started(arguments: list[str], given: str | None, folder: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.removeprefix(">>> ").removeprefix("... ") for line in done.stdout.splitlines()]


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    assert started(["-W", "error", "script.py"], None, tmp_path) == EXPECTED


def test_a_module_run_with_m(tmp_path: Path) -> None:
    (tmp_path / "module_without_guard.py").write_text(SCRIPT)
    assert started(["-W", "error", "-m", "module_without_guard"], None, tmp_path) == EXPECTED


def test_a_command(tmp_path: Path) -> None:
    assert started(["-W", "error", "-c", SCRIPT], None, tmp_path) == EXPECTED


def test_the_standard_input(tmp_path: Path) -> None:
    assert started(["-W", "error", "-"], SCRIPT, tmp_path) == EXPECTED


def test_an_interactive_session(tmp_path: Path) -> None:
    lines = started(["-W", "error", "-i", "-q"], SCRIPT, tmp_path)
    assert [line for line in lines if line in EXPECTED] == EXPECTED


@pytest.mark.parametrize("name", ["single", "thread", "process"])
def test_a_script_that_forgets_to_close(tmp_path: Path, name: str) -> None:
    """It ends at once, without a complaint, and what it submitted last is dropped."""
    code = f"""
from orion.executor import create_executor
executor = create_executor({name!r}, n_workers=2)
print(executor.submit(lambda: 7).get())
left = [executor.submit(lambda: 8) for _ in range(3)]
"""
    assert started(["-W", "error", "-c", code], None, tmp_path) == ["7"]


@pytest.mark.parametrize("name", ["single", "thread", "process"])
def test_a_script_that_fails_shows_its_own_error_and_ends(tmp_path: Path, name: str) -> None:
    code = f"""
from orion.executor import create_executor
with create_executor({name!r}, n_workers=2) as executor:
    executor.submit(lambda: __import__("time").sleep(0.01))
    executor.submit(divmod, 1, 0).get()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().splitlines()[-1].startswith("ZeroDivisionError")
