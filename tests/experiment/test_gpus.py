"""GPUs for trials. The leases are real; the GPUs are names, which no driver of theirs looks at here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orion.executor import create_executor
from orion.experiment import ArgumentError, Command, Experiment
from orion.experiment.trial.gpus import GpuLeases, held, visible_gpus

SPACE = {"x": "uniform(0, 1)"}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand for the machine's GPUs by files of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_whole_gpus_are_given_out_once() -> None:
    first, second = GpuLeases(["0", "1"], 1), GpuLeases(["0", "1"], 1)
    one, other = first.take(), second.take()
    assert one is not None
    assert other is not None
    assert {one.shares[0].device, other.shares[0].device} == {"0", "1"}
    assert first.take() is second.take() is None
    first.release(one)
    again = second.take()
    assert again is not None
    assert again.shares[0].device == one.shares[0].device
    second.release(again)
    second.release(other)


@pytest.mark.parametrize(("share", "number"), [(0.5, 4), (0.3, 6), (1, 2), (2, 1), (0.34, 4)])
def test_how_many_fit(share: float, number: int) -> None:
    leases = GpuLeases(["a", "b"], share)
    assert leases.at_a_time == number
    taken = [leases.take() for _ in range(number)]
    assert None not in taken
    assert leases.take() is None
    used = Counter(part.device for lease in taken if lease is not None for part in lease.shares)
    assert max(used.values()) == min(used.values())
    for lease in taken:
        assert lease is not None
        leases.release(lease)


def test_shares_of_different_sizes_do_not_overlap() -> None:
    halves, whole, thirds = GpuLeases(["0"], 0.5), GpuLeases(["0"], 1), GpuLeases(["0"], 0.3)
    half, third = halves.take(), thirds.take()
    assert half is not None
    assert third is not None
    assert whole.take() is halves.take() is thirds.take() is None
    halves.release(half)
    assert whole.take() is None
    thirds.release(third)
    one = whole.take()
    assert one is not None
    whole.release(one)


def test_a_lease_lasts_as_long_as_the_trial_even_if_the_driver_is_gone() -> None:
    driver, other = GpuLeases(["0"], 1), GpuLeases(["0"], 1)
    lease = driver.take()
    assert lease is not None
    with held(lease.shares):
        driver.release(lease)  # as if it had been killed
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
        assert other.take() is None
    freed = other.take()
    assert freed is not None
    other.release(freed)


TAKER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from orion.experiment.trial.gpus import GpuLeases
lease = GpuLeases(["0"], 1).take()
print(lease is not None, flush=True)
sys.stdin.read()
"""


@contextmanager
def child(program: str, says: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program until it says something; its standard input stays open."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{says}\n"
        yield process


def test_the_kernel_gives_back_what_a_killed_driver_had(place: Path) -> None:
    leases = GpuLeases(["0"], 1)
    with child(TAKER, "True", str(place)) as driver:
        assert leases.take() is None
        driver.kill()
        driver.wait()
        lease = leases.take()
    assert lease is not None
    leases.release(lease)


@pytest.mark.parametrize("engine", ["process", "single"])
def test_each_trial_sees_its_own(engine: str, tmp_path: Path) -> None:
    def objective(x: float) -> dict[str, object]:
        return {"objective": x, "gpu": os.environ["CUDA_VISIBLE_DEVICES"], "pid": os.getpid()}

    experiment = Experiment("e", SPACE, tmp_path / "e.db")
    result = experiment.run(objective, 5, engine, 2, gpus_per_trial=1, gpus=[6, 7], progress=False)
    assert result.counts == {"completed": 5}
    assert {trial.attributes["gpu"] for trial in result.trials} <= {"6", "7"}
    if engine == "process":  # a process that has used one GPU cannot change to another
        assert len({trial.attributes["pid"] for trial in result.trials}) == 5
    assert os.environ.get("CUDA_VISIBLE_DEVICES") is None


def test_there_are_never_more_trials_than_gpus(tmp_path: Path) -> None:
    """Four workers and one GPU: a trial that finds another's mark would fail."""
    mark = tmp_path / "mark"

    def objective(x: float) -> float:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        mark.unlink()
        return x

    experiment = Experiment("e", SPACE, tmp_path / "e.db")
    result = experiment.run(objective, 8, "process", 4, gpus_per_trial=1, gpus=["0"], progress=False)
    assert result.counts == {"completed": 8}


def test_a_gpu_is_free_again_when_all_that_the_trial_started_is_gone(tmp_path: Path) -> None:
    def objective(x: float) -> dict[str, object]:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        return {"objective": x, "child": child.pid}

    experiment = Experiment("e", SPACE, tmp_path / "e.db")
    (trial,) = experiment.run(objective, 1, "process", 1, gpus_per_trial=1, gpus=["0"], progress=False).trials
    with pytest.raises(ProcessLookupError):
        os.kill(trial.attributes["child"], 0)


def test_commands_see_theirs(tmp_path: Path) -> None:
    command = Command(
        [sys.executable, "-c", "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])", "--x~uniform(0, 1)"]
    )
    with create_executor("process", n_workers=1) as executor:
        result = Experiment("e", command.space, tmp_path / "e.db").run(
            command, 2, executor, gpus_per_trial=0.5, gpus=[3], progress=False
        )
    assert [trial.value for trial in result.trials] == [3, 3]


@pytest.mark.parametrize(
    ("engine", "per_trial", "gpus", "reason"),
    [
        ("process", 0, [0], "part of a GPU or a whole number"),
        ("process", 1.5, [0], "part of a GPU or a whole number"),
        ("process", 2, [0], "there are 1"),
        ("process", 1, [], "shows no GPU"),
        ("thread", 1, [0], "share one process"),
    ],
)
def test_what_cannot_be_had(engine: str, per_trial: float, gpus: list[int], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=reason):
        Experiment("e", SPACE, tmp_path / "e.db").run(
            lambda x: x, 1, engine, 1, gpus_per_trial=per_trial, gpus=gpus, progress=False
        )
    assert not (tmp_path / "e.db").exists()


def test_the_next_trial_has_it_when_the_process_of_the_last_is_gone(tmp_path: Path) -> None:
    """Since that has memory of the GPU until then, also when the trial has ended."""
    leases = GpuLeases(["0"], 1, until_exit=True)
    lease = leases.take()
    assert lease is not None
    program = (
        "import sys\n"
        "from orion.experiment.trial.gpus import Share, held\n"
        f"with held([{lease.shares[0]!r}]): pass\n"
        "print('ended', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with child(program, "ended") as trial:
        leases.release(lease)
        assert leases.take() is None
        trial.kill()
        trial.wait()
        again = leases.take()
    assert again is not None
    leases.release(again)


@pytest.mark.parametrize("workers", [1, 2])
def test_trials_follow_each_other_on_one_gpu(workers: int, tmp_path: Path) -> None:
    experiment = Experiment("e", SPACE, tmp_path / "e.db")
    result = experiment.run(lambda x: x, 6, "process", workers, gpus_per_trial=1, gpus=["0"], progress=False)
    assert result.counts == {"completed": 6}


def test_a_gpu_that_another_driver_gives_back_is_noticed_while_a_trial_runs(place: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def objective(x: float) -> dict[str, object]:
        gpu = os.environ["CUDA_VISIBLE_DEVICES"]
        while not gate.exists() and gpu == "0":
            time.sleep(0.01)
        gate.touch()  # by the trial on the other GPU: the first one waits for it
        return {"objective": x, "gpu": gpu}

    others = GpuLeases(["1"], 1)
    lease = others.take()
    assert lease is not None
    timer = threading.Timer(1.0, others.release, [lease])
    timer.start()
    experiment = Experiment("e", SPACE, tmp_path / "e.db")
    result = experiment.run(objective, 2, "process", 2, gpus_per_trial=1, gpus=["0", "1"], progress=False)
    timer.join()
    assert {trial.attributes["gpu"] for trial in result.trials} == {"0", "1"}


def test_a_given_executor_may_have_a_process_for_each_trial(tmp_path: Path) -> None:
    def objective(x: float) -> dict[str, object]:
        return {"objective": x, "gpu": os.environ["CUDA_VISIBLE_DEVICES"], "pid": os.getpid()}

    with create_executor("process", n_workers=2, max_tasks_per_worker=1, preload=["json"]) as executor:
        result = Experiment("e", SPACE, tmp_path / "e.db").run(
            objective, 4, executor, gpus_per_trial=1, gpus=["0", "1"], progress=False
        )
    assert {trial.attributes["gpu"] for trial in result.trials} <= {"0", "1"}
    assert len({trial.attributes["pid"] for trial in result.trials}) == 4


def test_the_command_line_takes_gpus_with_options_of_the_engine_and_a_trace(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os\ndef train(x):\n    return {'objective': x, 'gpu': os.environ['CUDA_VISIBLE_DEVICES']}\n"
    )
    arguments = ["run", "-n", "e", "train.py:train", "--space", "x=uniform(0, 1)", "--max-trials", "3"]
    arguments += ["--gpus-per-trial", "0.5", "--gpus", "7", "--n-workers", "2"]
    arguments += ["--executor-option", 'preload=["json"]', "--trace", "run.json"]
    subprocess.run([sys.executable, "-m", "orion.experiment", *arguments], cwd=tmp_path, check=True, timeout=100)
    result = Experiment("e", None, tmp_path / "experiments.db").result()
    assert {trial.attributes["gpu"] for trial in result.trials} == {"7"}
    assert (tmp_path / "run.json").exists()


def test_trials_that_share_a_process_keep_the_gpu_of_the_first(place: Path) -> None:
    mine, others = GpuLeases(["0", "1"], 1, keeps_first=True), GpuLeases(["0", "1"], 1)
    first = mine.take()
    assert first is not None
    mine.release(first)
    theirs = others.take()
    assert theirs is not None
    assert theirs.shares[0].device == first.shares[0].device
    assert mine.take() is None, "the other GPU is free, but this process cannot change to it"
    others.release(theirs)
    again = mine.take()
    assert again is not None
    assert again.shares[0].device == first.shares[0].device
    mine.release(again)


def test_a_given_executor_keeps_its_processes(tmp_path: Path) -> None:
    with create_executor("process", n_workers=1) as executor, pytest.raises(ArgumentError, match="by its name"):
        Experiment("e", SPACE, tmp_path / "e.db").run(
            lambda x: x, 1, executor, gpus_per_trial=1, gpus=[0], progress=False
        )


def test_the_gpus_that_this_process_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-abc,")
    assert visible_gpus() == ["2", "GPU-abc"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []
