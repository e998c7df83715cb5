"""What is recorded of a trial's attempts, what is tried again, and when a run ends."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from orion.executor import create_executor
from orion.experiment import ArgumentError, Experiment, ExperimentError, TooManyFailures
from orion.experiment.recording.failures import CAUSES
from orion.experiment.recording.folders import TrialFolders, default_root
from orion.experiment.recording.provenance import fingerprint, provenance
from orion.experiment.running.limits import Limits
from orion.experiment.running.retries import Retries
from tests.experiment.each_in_turn import EachInTurn

SPACE = {"x": "uniform(0, 1)"}
ENGINES = ["single", "thread", "process"]


def make(folder: Path, **options: Any) -> Experiment:
    return Experiment("e", options.pop("space", SPACE), folder / "e.db", **options)


def folder_of(tmp_path: Path, number: int) -> Path:
    return tmp_path / "e.trials" / "e" / str(number)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_trials_folder(engine: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def objective(x: float) -> dict[str, float]:
        print("printed", x)
        print("complained", x, file=sys.stderr)
        if engine == "process":
            subprocess.run(["echo", "said by a child"], check=True)
        return {"objective": x, "twice": 2 * x}

    result = make(tmp_path).run(objective, 4, engine, 2, progress=False)
    for trial in result.trials:
        folder = folder_of(tmp_path, trial.number)
        x = trial.parameters["x"]
        child = "said by a child\n" if engine == "process" else ""
        assert (folder / "attempt-1" / "stdout").read_text() == f"printed {x}\n{child}"
        assert (folder / "attempt-1" / "stderr").read_text() == f"complained {x}\n"
        assert json.loads((folder / "parameters.json").read_text()) == {"x": x}
        assert json.loads((folder / "result.json").read_text()) == {
            "state": "completed", "objective": [x], "twice": 2 * x,
        }  # fmt: skip
        assert json.loads((folder / "attempt-1" / "attempt.json").read_text()) == trial.attempts[0]
    shown = capfd.readouterr()
    assert shown.out.count("printed") == (4 if engine == "single" else 0)  # where one debugs it is shown as well


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_recorded_of_an_attempt(engine: str, tmp_path: Path) -> None:
    before = time.time()
    (trial,) = make(tmp_path).run(lambda x: len(bytearray(200_000_000)), 1, engine, 1, progress=False).trials
    (attempt,) = trial.attempts
    assert (attempt["attempt"], attempt["outcome"], attempt["engine"]) == (1, "completed", engine)
    assert attempt["host"] == socket.gethostname()
    assert (attempt["pid"] == os.getpid()) == (engine != "process")
    assert before <= attempt["started"] <= attempt["ended"] <= time.time()
    if engine == "process" and platform.system() == "Linux":
        assert 0.2 <= attempt["peak_memory_gb"] < 0.4
    else:
        assert attempt["peak_memory_gb"] is None


def test_the_peak_memory_is_the_trials_own_and_not_its_predecessors(tmp_path: Path) -> None:
    space = {"size": "choices([300_000_000, 1])"}
    result = make(tmp_path, space=space, sampler=EachInTurn()).run(
        lambda size: len(bytearray(size)), 2, "process", 1, progress=False
    )
    peaks = {trial.parameters["size"]: trial.attempts[0]["peak_memory_gb"] for trial in result.trials}
    assert peaks[300_000_000] > 0.3
    assert peaks[1] < 0.2


def test_seeds_depend_on_the_experiments_seed_and_the_trials_number_only(tmp_path: Path) -> None:
    def objective(x: float, seed: int) -> dict[str, float]:
        return {"objective": x, "seed": seed}

    def seeds(name: str, engine: str, seed: int | None, n_workers: int = -1) -> list[int]:
        experiment = Experiment(name, SPACE, tmp_path / "e.db", seed=seed)
        result = experiment.run(objective, 5, engine, n_workers, progress=False)
        assert all(trial.attempts[0]["seed"] == trial.attributes["seed"] for trial in result.trials)
        return [trial.attributes["seed"] for trial in result.trials]

    first = seeds("a", "process", 1, 3)
    assert first == seeds("b", "single", 1)
    assert len(set(first)) == 5
    assert not set(first) & set(seeds("c", "single", 2))
    assert not set(seeds("d", "single", None)) & set(seeds("e", "single", None))


def test_the_code_that_ran_is_recorded_once(tmp_path: Path) -> None:
    for count in (1, 2):
        result = make(tmp_path).run(square, count, "single", progress=False)
    names = {trial.attempts[0]["code"] for trial in result.trials}
    assert len(names) == 1
    study = optuna.load_study(study_name="e", storage=f"sqlite:///{tmp_path}/e.db")
    (code,) = (value for key, value in study.user_attrs.items() if key.startswith("orion:code:"))
    assert code["python"] == platform.python_version()
    assert code["packages"]["optuna"] == optuna.__version__
    assert code["objective"] == {"function": "square", "file": __file__}


def square(x: float) -> float:
    return x * x


def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    assert provenance(str(tmp_path))["git"] is None
    git("init")
    (tmp_path / "train.py").write_text("1")
    git("add", "train.py")
    git("commit", "-m", "first")
    clean = provenance(str(tmp_path))
    assert clean["git"]["dirty"] is False
    assert len(clean["git"]["commit"]) == 40
    (tmp_path / "train.py").write_text("2")
    dirty = provenance(str(tmp_path))
    assert dirty["git"] == {"commit": clean["git"]["commit"], "dirty": True}
    assert fingerprint(clean) != fingerprint(dirty)


def failing_at_first() -> Callable[..., float]:
    """Return an objective that travels by value: its worker need not import this module first, which takes time."""

    def fails_at_first(kind: str, marker: str) -> float:
        """Fail in a way of one's choice, unless there was an attempt before."""
        try:
            os.close(os.open(f"{marker}-{kind}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return 1.0
        if kind == "exception":
            raise ValueError("the first time")
        if kind == "memory":
            raise MemoryError
        if kind == "timeout":
            time.sleep(600)
        os.kill(os.getpid(), signal.SIGTERM if kind == "preempted" else signal.SIGKILL)
        return 0.0

    return fails_at_first


def run_failing(kind: str, tmp_path: Path, retries: dict[str, int] | None) -> Any:
    space = {"kind": f"choices(['{kind}'])", "marker": f"choices(['{tmp_path}/marker'])"}
    limit = 5.0 if kind == "timeout" else None
    return make(tmp_path, space=space).run(
        failing_at_first(), 1, "process", 1, retries=retries, trial_timeout=limit, progress=False
    )


@pytest.mark.parametrize("kind", CAUSES)
def test_what_is_not_the_users_error_is_tried_again_once(kind: str, tmp_path: Path) -> None:
    (trial,) = run_failing(kind, tmp_path, None).trials
    retried = kind in ("memory", "lost", "preempted")
    assert trial.state == ("completed" if retried else "failed")
    assert [attempt["outcome"] for attempt in trial.attempts] == ["failed", "completed"][: 1 + retried]
    assert trial.attempt == 1 + retried
    assert trial.attempts[0]["failure"]["cause"] == kind
    assert (folder_of(tmp_path, 0) / f"attempt-{1 + retried}").is_dir()


@pytest.mark.parametrize("kind", CAUSES)
def test_each_cause_has_a_budget_of_its_own(kind: str, tmp_path: Path) -> None:
    default = int(kind in ("memory", "lost", "preempted"))
    (trial,) = run_failing(kind, tmp_path, {kind: 1 - default}).trials
    assert trial.state == ("failed" if default else "completed")


def test_budgets_are_counted_by_cause() -> None:
    retries = Retries({"lost": 2, "timeout": 1})
    history = [{"failure": {"cause": "lost"}}, {"failure": {"cause": "timeout"}}, {"outcome": "interrupted"}]
    assert retries.allow("lost", history)
    assert not retries.allow("lost", [*history, history[0]])
    assert not retries.allow("timeout", history)
    assert retries.allow("preempted", history)
    assert not retries.allow("exception", [])


@pytest.mark.parametrize(
    ("budgets", "reason"), [({"bad luck": 1}, "the causes are exception, timeout"), ({"lost": -1}, "whole number")]
)
def test_what_is_no_budget_is_refused(budgets: dict[str, int], reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        Retries(budgets)


def test_a_verdict_says_what_where_and_the_last_that_was_printed(tmp_path: Path) -> None:
    def objective(x: float) -> float:
        print("a last sign")
        raise LookupError("not there")

    (trial,) = make(tmp_path).run(objective, 1, "process", 1, progress=False).trials
    assert trial.failure is not None
    assert (trial.failure["cause"], trial.failure["type"]) == ("exception", "LookupError")
    assert trial.failure["log"] == "a last sign"
    assert "in objective" in trial.failure["traceback"]
    assert "attempt.py" not in trial.failure["traceback"]
    assert trial.attempts[0]["failure"] == trial.failure
    assert trial.attempts[0]["host"] == socket.gethostname()


def fails(x: float) -> float:
    raise ValueError("always")


def test_too_many_failures_end_the_run_and_say_why(tmp_path: Path) -> None:
    with pytest.raises(TooManyFailures, match="3 trials have failed, .* 3 of them ValueError: always"):
        make(tmp_path).run(fails, 10, "single", max_broken=3, progress=False)
    assert make(tmp_path).result().counts == {"failed": 3}
    with pytest.raises(TooManyFailures):  # those of earlier runs do not count
        make(tmp_path).run(fails, 10, "single", max_broken=1, progress=False)
    assert make(tmp_path).result().counts == {"failed": 4}


def test_when_a_run_ends_early_what_runs_is_queued_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")

    def objective(k: int) -> float:
        if k == 1:
            with open(tmp_path / "gate"):
                raise ValueError("enough")
        with open(tmp_path / "gate", "w"):  # lets the other one fail, and then waits
            time.sleep(600)
        return 0.0

    experiment = make(tmp_path, space={"k": "choices([1, 2])"}, sampler=EachInTurn())
    with pytest.raises(TooManyFailures):
        experiment.run(objective, 10, "process", 2, max_broken=1, progress=False)
    assert experiment.result().counts == {"failed": 1, "waiting": 1}


@pytest.mark.parametrize("given", [False, True])
def test_the_time_of_a_run(given: bool, tmp_path: Path) -> None:
    def objective(x: float) -> float:
        time.sleep(600)
        return x

    if given:
        with create_executor("process", n_workers=2) as executor:
            result = make(tmp_path).run(objective, 10, executor, timeout=1.5, progress=False)
            assert executor.submit(int).get() == 0
    else:
        result = make(tmp_path).run(objective, 10, "process", 2, timeout=1.5, progress=False)
    assert result.counts == {"waiting": 2}
    assert make(tmp_path).run(square, 3, "single", progress=False).counts == {"completed": 3}


def test_patience(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = make(tmp_path).run(lambda x: 1.0, 50, "single", patience=4)
    assert result.counts == {"completed": 5}
    assert "e: no better trial among the last 4: no more trials are started" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0), ("timeout", "long"), ("trial_timeout", -1), ("trial_timeout", True),
        ("patience", 0), ("patience", 1.5), ("max_broken", 0),
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ArgumentError):
        Limits(1, **{name: value})


def test_where_folders_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_root("sqlite:///a/e.db") == tmp_path / "a" / "e.trials"
    assert default_root("e.db") == tmp_path / "e.trials"
    assert default_root("postgresql+psycopg://host/db") == tmp_path / "orion-trials"
    for name in ("a/b", "..", "../x", ".hidden", "ü b", "a%2Fb"):
        path = TrialFolders(tmp_path, name).path
        assert path.parent == tmp_path
        assert path.resolve() == path
    assert len({TrialFolders(tmp_path, name).path for name in ("a/b", "a%2Fb", "a b")}) == 3
    make(tmp_path).run(square, 1, "single", folder=tmp_path / "here", progress=False)
    assert (tmp_path / "here" / "e" / "0" / "result.json").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExperimentError, match="cannot be written"):
        make(tmp_path).run(square, 1, "single", folder=tmp_path / "file", progress=False)
    assert make(tmp_path).result().counts == {"waiting": 1}
