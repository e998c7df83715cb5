"""Every block of code in the README and the docs is tested, Python by test_examples.py, or it is said why not."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.test_examples import BLOCK, PAGES, ROOT

PYTHON_NOT_RUN = {
    "docs/engines/dask.md": "needs certificates, and clusters elsewhere; tests/engines/test_dask.py has such ones",
    "docs/engines/futures.md": "needs MPI's launcher; tests/engines/test_foreign_pools.py has it",
    "docs/moving.md": "is a program of Ray Tune's, shown beside ours",
}
COMMANDS_NOT_RUN = {
    "make demo": "installs, and is tested by tests/project/test_example_scripts.py, which runs the same",
    "make test": "runs these tests",
    "pip install .": "changes the environment of the tests",
    "pip install '.[experiment]'": "the same",
}
TRAIN = """
import argparse

parser = argparse.ArgumentParser()
for name in ("--lr", "--layers", "--epochs"):
    parser.add_argument(name, type=float, default=1.0)

if __name__ == "__main__":
    print("val_loss:", parser.parse_args().lr)


def train(lr):
    return lr
"""
OBJECTIVE = """
def objective(trial):
    return trial.suggest_float("x", 0, 1)
"""


def blocks(language: str) -> list[tuple[str, str]]:
    """Return page and content of each block in a language."""
    found = []
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
            if block[1] == language:
                found.append((str(page.relative_to(ROOT)), block[3]))
    return found


def commands() -> dict[str, list[str]]:
    """Return the commands of each page that are run, each with what is shown below it."""
    found: dict[str, list[str]] = {}
    for page, text in blocks("console"):
        for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            if command.strip() not in COMMANDS_NOT_RUN:
                found.setdefault(page, []).append(command)
    return found


def test_there_are_no_blocks_of_other_kinds() -> None:
    for page in PAGES:
        kinds = {block[1] for block in BLOCK.finditer(page.read_text(encoding="utf-8"))}
        # Text is output, and what has no kind a drawing; what is in braces is for Sphinx.
        assert {kind for kind in kinds if "{" not in kind} <= {"python", "text", "console", "py", "toml", "yaml", ""}, (
            page
        )


def test_python_that_is_not_run_is_python_and_has_a_reason() -> None:
    assert {page for page, _ in blocks("py")} == PYTHON_NOT_RUN.keys()
    for page, text in blocks("py"):
        compile(text, page, "exec")


def test_files_that_are_shown_can_be_read() -> None:
    tomlkit, yaml = pytest.importorskip("tomlkit"), pytest.importorskip("yaml")
    assert all(tomlkit.parse(text) for _, text in blocks("toml"))
    assert all(yaml.safe_load(text) for _, text in blocks("yaml"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", commands())
def test_commands_run(page: str, tmp_path: Path) -> None:
    """As they stand, but with two trials each, and as if there were GPUs."""
    pytest.importorskip("optuna")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "objective.py").write_text(OBJECTIVE, encoding="utf-8")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    shown = commands()[page]
    if " logs " in shown[0]:  # of an experiment of another page
        shown = ["orion-executor run -n mlp --metric val_loss -- python train.py --lr~'uniform(0, 1)'", *shown]
    for text in shown:
        command, _, output = text.partition("\n")
        run = subprocess.run(
            adapted(shlex.split(command)), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        if output.strip():
            assert output.strip() in run.stderr
        else:
            assert run.returncode == 0, run.stderr


def adapted(words: list[str]) -> list[str]:
    """Return a command with few trials, and with GPUs that are named since there may be none."""
    assert words[0] == "orion-executor"
    if "--max-trials" in words:
        place = words.index("--max-trials")
        del words[place : place + 2]
    if words[1] == "run":
        words[2:2] = ["--max-trials", "2"]
        if "--gpus-per-trial" in words:
            words[2:2] = ["--gpus", "0,1"]
    return [word if word != "17" else "1" for word in words]
