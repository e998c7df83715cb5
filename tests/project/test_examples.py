"""What the README and the docs show is what happens: every Python example runs, and prints what stands below it."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

BLOCK = re.compile(r"^```([^\s`]*)(?: ([^\n]*))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block of code: its language, what stands beside that, its content."""


def examples(service: str | None = None) -> Iterator[tuple[str, str, str | None]]:
    """Yield each example with the page and line it stands at, and what it prints, unless that varies.

    Those that need a service say which: ````` ```python slurm `````.
    """
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = list(BLOCK.finditer(text))
        for block, following in itertools.zip_longest(blocks, blocks[1:]):
            if block[1] == "python" and block[2] == service:
                line = text.count("\n", 0, block.start()) + 1
                printed = following[3] if following and following[1] == "text" and not following[2] else None
                yield f"{page.relative_to(ROOT)}:{line}", block[3], printed


EXAMPLES = list(examples())


def test_there_are_examples() -> None:
    assert any(place.startswith("README") and printed for place, _, printed in EXAMPLES)


@pytest.mark.parametrize(("source", "printed"), [it[1:] for it in EXAMPLES], ids=[it[0] for it in EXAMPLES])
def test_an_example_runs(source: str, printed: str | None, tmp_path: Path) -> None:
    check_example(source, printed, tmp_path)


def check_example(source: str, printed: str | None, tmp_path: Path) -> None:
    """Run an example as a script, with no guard around it."""
    (tmp_path / "example.py").write_text(source, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert run.returncode == 0, run.stderr
    if printed is not None:
        assert run.stdout == printed
