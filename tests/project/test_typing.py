"""What type checkers tell a user about a program: results have the function's type, wrong arguments are found."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typing"
PROGRAMS = ["sample.py", "mistakes.py"]


def check(found: set[tuple[str, int]]) -> None:
    """Hold the places of errors against the marked lines; a right program has none."""
    lines = (HERE / "mistakes.py").read_text(encoding="utf-8").splitlines()
    wrong = {("mistakes.py", number) for number, line in enumerate(lines, start=1) if "# wrong:" in line}
    assert found == wrong


@pytest.mark.timeout(200)
def test_mypy_finds_each_mistake_and_no_other() -> None:
    """Both programs at once, since mypy first reads all that they import."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--no-error-summary"]
    run = subprocess.run([*command, *PROGRAMS], cwd=HERE, capture_output=True, text=True, timeout=190, check=False)
    assert run.stderr == ""
    errors = [line for line in run.stdout.splitlines() if ": error:" in line]
    places = [re.match(r"(.+?):(\d+):", line) for line in errors]
    check({(place[1], int(place[2])) for place in places if place is not None})


@pytest.mark.timeout(200)
@pytest.mark.skipif(shutil.which("node") is None, reason="pyright needs node")
def test_pyright_finds_each_mistake_and_no_other() -> None:
    pytest.importorskip("pyright")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run([*command, *PROGRAMS], cwd=HERE, capture_output=True, text=True, timeout=190, check=False)
    errors = json.loads(run.stdout)["generalDiagnostics"]
    check({(Path(error["file"]).name, error["range"]["start"]["line"] + 1) for error in errors})
