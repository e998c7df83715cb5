"""The scripts in examples/ do what their first lines say, on real data."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orion.experiment import Experiment, ExperimentResult

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def command_of(script: str) -> list[str]:
    """Return the command that a script's docstring gives for tuning it."""
    text = (EXAMPLES / script).read_text(encoding="utf-8")
    start = text.index("orion-executor run")
    words = shlex.split(text[start : text.index('"""', start)])
    assert words[0] == "orion-executor"
    return words[1:]


def tune(script: str, folder: Path, *more: str) -> ExperimentResult:
    """Tune a script as it says, with another number of trials, and return what is recorded."""
    words = command_of(script)
    place = words.index("--") if "--" in words else len(words)
    words[place:place] = ["--storage", str(folder / "e.db"), "--seed", "1", *more]
    words = [sys.executable if word == "python" else word for word in words]
    ended = subprocess.run(
        [sys.executable, "-m", "orion.experiment", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    name = words[words.index("-n") + 1]
    return Experiment(name, {"any": "uniform(0, 1)"}, folder / "e.db").result()


@pytest.mark.timeout(300)
def test_a_scikit_learn_model(tmp_path: Path) -> None:
    result = tune("digits.py", tmp_path, "--max-trials", "6")
    assert result.counts == {"completed": 6}
    assert result.best is not None
    assert result.best.value is not None
    assert result.best.value > 0.9
    assert set(result.best.attributes) == {"worst_fold", "fit_seconds"}


@pytest.mark.timeout(300)
def test_an_xgboost_script_that_knows_nothing_of_experiments(tmp_path: Path) -> None:
    assert "orion" not in (EXAMPLES / "boosted_digits.py").read_text(encoding="utf-8").split('"""')[2]
    result = tune("boosted_digits.py", tmp_path, "--max-trials", "8")
    assert set(result.counts) <= {"completed", "pruned"}
    assert result.best is not None
    assert result.best.value is not None
    assert result.best.value < 0.1
    assert len(result.best.intermediate) == 30
    assert min(result.best.intermediate.values()) <= result.best.value
