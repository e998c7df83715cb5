"""Journal files: what killed drivers and full disks leave in them, and whom they are shared with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from orion.experiment import Experiment, StorageError
from orion.experiment.storage import open_database

SPACE = {"x": "uniform(0, 1)"}

KILLED_WHILE_WRITING = """
import os, signal, sys
from orion.experiment import Experiment
count = 0

def fsync(descriptor):
    global count
    count += 1
    if count == 12:
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = fsync
Experiment("e", {"x": "uniform(0, 1)"}, sys.argv[1]).run(abs, 50, "single", progress=False)
"""


def square(x: float) -> float:
    return x * x


def test_an_experiment_in_a_journal_goes_on(tmp_path: Path) -> None:
    for count in (3, 5):
        result = Experiment("e", SPACE, tmp_path / "e.journal").run(square, count, "single", progress=False)
    assert result.counts == {"completed": 5}
    assert Experiment("e", SPACE, f"journal:///{tmp_path}/e.journal").result() == result
    study = optuna.load_study(study_name="e", storage=JournalStorage(JournalFileBackend(f"{tmp_path}/e.journal")))
    assert len(study.trials) == 5


def test_a_driver_killed_while_it_writes_stops_nobody(tmp_path: Path) -> None:
    """Its lock, a link, is left, and the next driver finds that it has ended."""
    script = KILLED_WHILE_WRITING.replace("(abs,", "(lambda x: x,")
    process = subprocess.run([sys.executable, "-c", script, tmp_path / "e.journal"], check=False)
    assert process.returncode == -9
    assert os.path.islink(tmp_path / "e.journal.lock")
    result = Experiment("e", SPACE, tmp_path / "e.journal").run(square, 5, "single", progress=False)
    assert result.counts == {"completed": 5}
    assert not os.path.islink(tmp_path / "e.journal.lock")


def test_a_line_that_was_not_finished_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "e.journal"
    Experiment("e", SPACE, path).run(square, 3, "single", progress=False)
    database = open_database(path, create=False)
    whole = path.read_bytes()
    with open(path, "ab") as file:
        file.write(b'{"op_code":4,"worker')
    assert database.storage.get_n_trials(0) == 3
    database.storage.create_new_trial(0)
    database.close()
    assert path.read_bytes().startswith(whole + b'{"op_code":4,"worker_id"')
    assert Experiment("e", SPACE, path).run(square, 5, "single", progress=False).counts == {"completed": 5}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a text\n", "is no journal of experiments"),
        ("a text without an end", "is no journal of experiments"),
        ('{"op_code":0,"worker_id":"a","study_name":"e","directions":[1]}\n{"op_code":\n{}\n', "is damaged"),
        ('{"op_code":99}\n', "is damaged"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_as_it_is(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "e.journal"
    path.write_text(content)
    with pytest.raises(StorageError, match=reason):
        Experiment("e", SPACE, path).run(square, 1, "single", progress=False)
    assert path.read_text() == content
