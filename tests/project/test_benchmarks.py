"""The benchmarks measure, say why there is no value, go on where they were, and write their page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import as_page, with_our_engines
from benchmarks.results import Results

ROOT = Path(__file__).parents[2]
VALUES = ROOT / "benchmarks" / "results.jsonl"


@pytest.mark.skipif(not VALUES.exists(), reason="make bench has not been run to its end yet")
def test_the_pages_say_what_was_measured() -> None:
    results = Results.read(VALUES)
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    engines = (ROOT / "docs" / "engines.md").read_text(encoding="utf-8")
    assert page == as_page(results), "run: make bench-page"
    assert engines == with_our_engines(results, engines), "run: make bench-page"


def measure(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--rounds", "1", "--peers", "ours-single", "ours-thread", "cf"]
    command += ["--measures", "round_trip", "replacement"]
    command += ["--results", str(folder / "results.jsonl"), "--page", str(folder / "page.md"), *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


def records(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    _, *lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return {(record["measure"], record["contestant"]): record for record in found}


@pytest.mark.timeout(300)
def test_a_run_that_is_broken_off_goes_on_and_ends_with_its_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first = measure(tmp_path, "--seconds", "0")
    assert "go on with --resume" in first.stderr
    assert records(tmp_path) == {}
    ended = measure(tmp_path, "--resume")
    assert ended.returncode == 0, ended.stderr
    found = records(tmp_path)
    assert len(found) == 8  # with what the machine allows
    assert all(found["round_trip", name]["value"] > 0 for name in ("cf", "ours-single", "ours-thread", "limit"))
    assert found["replacement", "cf"]["why"] == "the pool breaks: BrokenProcessPool"
    assert found["replacement", "ours-single"]["why"] == "nothing runs before its result is asked for"
    assert found["replacement", "ours-thread"]["why"] == "the program was killed by signal 9"
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "the program was killed by signal 9" in page
    assert (tmp_path / "page" / "waiting.svg").exists()

    path = tmp_path / "results.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.rindex("{") + 9], encoding="utf-8")  # as if killed while the last one was written
    again = measure(tmp_path, "--resume")
    assert again.returncode == 0, again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert records(tmp_path).keys() == found.keys()
