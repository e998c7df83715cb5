"""What a type checker tells a user about a program: results have the function's type, wrong arguments are found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typing"


def test_a_right_program_has_no_errors_and_each_mistake_of_a_wrong_one_is_found() -> None:
    """Both at once, since mypy first reads all that they import."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--no-error-summary"]
    run = subprocess.run(
        [*command, "sample.py", "mistakes.py"], cwd=HERE, capture_output=True, text=True, timeout=110, check=False
    )
    assert run.stderr == ""
    errors = [line for line in run.stdout.splitlines() if ": error:" in line]
    assert [line for line in errors if not line.startswith("mistakes.py:")] == []
    lines = (HERE / "mistakes.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if "# wrong:" in line}
    assert {int(match[1]) for line in errors if (match := re.match(r"mistakes\.py:(\d+):", line))} == wrong
