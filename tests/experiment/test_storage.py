"""Database files, good and bad."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.study import StudyDirection

from orion.experiment import Experiment, StorageError
from orion.experiment.cli.app import main
from orion.experiment.storage import open_database
from orion.experiment.storage.location import FileLocation, ServerLocation, parse_location

NOBODY = 65534


@pytest.mark.parametrize(
    ("location", "file"),
    [
        ("a.db", "a.db"),
        ("sqlite:///a.db", "a.db"),
        ("sqlite:///sub/a.db", "sub/a.db"),
        ("odd {name}?x=1%20.db", "odd {name}?x=1%20.db"),
        (Path("b.db"), "b.db"),
        ("journal:///a.log/journal", "a.log/journal"),
        ("a.journal", "a.journal"),
    ],
)
def test_paths_and_urls(location: str | Path, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kind: Any = "journal" if "journal" in file else "sqlite"
    assert parse_location(location) == FileLocation(kind, tmp_path / file)


def test_an_absolute_url(tmp_path: Path) -> None:
    assert parse_location(f"sqlite:///{tmp_path}/a.db") == FileLocation("sqlite", tmp_path / "a.db")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://me@host/db", "postgresql"),
        ("postgres://host/db", "postgresql"),
        ("postgresql+psycopg2://host/db", "postgresql"),
        ("mysql://host/db", "mysql"),
        ("mariadb+pymysql://host/db", "mysql"),
    ],
)
def test_servers(url: str, kind: Any) -> None:
    assert parse_location(url) == ServerLocation(kind, url)


@pytest.mark.parametrize("location", ["redis://host/db", "sqlite://", "sqlite:///:memory:", ":memory:", ""])
def test_what_is_no_storage_is_refused(location: str) -> None:
    with pytest.raises(StorageError):
        parse_location(location)


def test_the_database_is_made_and_closed_without_a_trace(tmp_path: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    database = open_database(tmp_path / "odd {name}?x=1%20.db", create=True)
    assert database.storage.get_all_studies() == []
    database.close()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert sorted(os.listdir(tmp_path)) == ["odd {name}?x=1%20.db", "odd {name}?x=1%20.db.lock"]


def test_a_commit_is_on_disk_and_readers_do_not_block(tmp_path: Path) -> None:
    database = open_database(tmp_path / "a.db", create=True)
    database.close()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def bad_files(folder: Path) -> dict[str, str]:
    """Make files that are no database of experiments; return name and reason."""
    (folder / "text.db").write_text("this is a text, and not a short one, which SQLite might take for a header" * 20)
    (folder / "folder.db").mkdir()
    with sqlite3.connect(folder / "other.db") as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    experiment = Experiment("e", {"x": "uniform(0, 1)"}, folder / "damaged.db")
    experiment.run(lambda x: x, 20, "single", progress=False)
    with open(folder / "damaged.db", "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40_000)
    return {
        "text.db": "file is not a database",
        "folder.db": "is a folder",
        "other.db": "is a database of something else (tables: bookmarks)",
        "damaged.db": "is damaged: ",
        "missing/a.db": "the folder does not exist",
        "text.db/a.db": "the folder does not exist",
    }


def test_bad_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    for name, reason in bad_files(tmp_path).items():
        file = tmp_path / name
        before = file.read_bytes() if file.is_file() else None
        with pytest.raises(StorageError) as caught:
            Experiment("e", {"x": "uniform(0, 1)"}, file).run(lambda x: x, 1, "single", progress=False)
        assert reason in str(caught.value), name
        assert "\n" not in str(caught.value)
        assert (file.read_bytes() if file.is_file() else None) == before


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Return a folder, while the test runs as a user whom file permissions bind."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        if root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield Path(folder)
        os.chmod(folder, 0o700)
        if root:
            os.seteuid(0)


def test_read_only_files_and_folders_are_refused(unprivileged: Path) -> None:
    open_database(unprivileged / "a.db", create=True).close()
    (unprivileged / "a.db").chmod(0o444)
    with pytest.raises(StorageError, match="readonly"):
        open_database(unprivileged / "a.db", create=True)
    unprivileged.chmod(0o555)
    with pytest.raises(StorageError, match="Permission denied"):
        open_database(unprivileged / "b.db", create=True)


@pytest.mark.parametrize("name", ["odd {name}?x=1%20.db", "a.journal"])
def test_what_cannot_be_written_can_be_looked_at(
    name: str, unprivileged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = unprivileged / name
    experiment = Experiment("e", {"x": "uniform(0, 1)"}, file)
    found = experiment.run(lambda x: x, 3, "single", progress=False)
    before = {path: path.stat() for path in unprivileged.iterdir()}
    for path in before:
        path.chmod(path.stat().st_mode & 0o555)
    unprivileged.chmod(0o555)
    assert experiment.result() == found
    for command in (["list"], ["show", "-n", "e"], ["results", "-n", "e", "--csv"], ["best", "-n", "e"]):
        assert main([*command, "--storage", str(file)]) == 0, command
    assert "3 completed" in capsys.readouterr().out
    with pytest.raises(StorageError, match="readonly|Permission denied"):
        experiment.run(lambda x: x, 4, "single", progress=False)
    assert set(unprivileged.iterdir()) == set(before)


def test_changes_that_only_sqlite_can_read_are_told(unprivileged: Path) -> None:
    file = unprivileged / "a.db"
    experiment = Experiment("e", {"x": "uniform(0, 1)"}, file)
    experiment.run(lambda x: x, 3, "single", progress=False)
    with closing(sqlite3.connect(file)) as driver:  # as long as it is open, its changes stand in a file of their own
        driver.execute("UPDATE trials SET datetime_start = NULL")
        driver.commit()
        unprivileged.chmod(0o555)
        assert len(experiment.result().trials) == 3
        unprivileged.chmod(0o755)
        shutil.copy(file, unprivileged / "b.db")
        shutil.copy(f"{file}-wal", unprivileged / "b.db-wal")
        unprivileged.chmod(0o555)
        with pytest.raises(StorageError, match="copy both files"):
            Experiment("e", {"x": "uniform(0, 1)"}, unprivileged / "b.db").result()
        unprivileged.chmod(0o755)


@pytest.mark.parametrize("name", ["a.db", "a.journal"])
def test_looking_takes_no_lock_and_leaves_no_file(name: str, tmp_path: Path) -> None:
    Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / name).run(lambda x: x, 3, "single", progress=False)
    for path in (tmp_path / f"{name}.lock", tmp_path / f"{name}.drivers"):
        path.unlink(missing_ok=True)
    before = set(tmp_path.iterdir())
    assert Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / name).result().counts == {"completed": 3}
    assert set(tmp_path.iterdir()) == before


def test_a_folder_of_the_kernel_is_refused() -> None:
    with pytest.raises(StorageError, match="cannot make"):
        open_database("/proc/experiments.db", create=True)


def test_a_missing_file_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        Experiment("e", {"x": "uniform(0, 1)"}, tmp_path / "a.db").result()
    assert os.listdir(tmp_path) == []


def test_what_others_have_written_is_noticed(tmp_path: Path) -> None:
    ours, theirs = (open_database(tmp_path / "a.db", create=True) for _ in range(2))
    with closing(ours), closing(theirs):
        study = ours.storage.create_new_study([StudyDirection.MINIMIZE])
        assert not ours.unchanged()  # the first time nothing is known
        for _ in range(3):
            ours.storage.create_new_trial(study)
            assert ours.unchanged()
        assert len(theirs.storage.get_all_trials(study)) == 3
        assert ours.unchanged()
        theirs.storage.create_new_trial(study)
        assert not ours.unchanged()
        assert ours.unchanged()


def test_a_trial_that_is_enqueued_beside_a_run_is_run(tmp_path: Path) -> None:
    """As by Optuna's command or its dashboard."""
    storage = str(tmp_path / "a.db")
    calls = tmp_path / "calls"

    def objective(x: float) -> float:
        with calls.open("a") as file:
            file.write(f"{x!r}\n")
        if calls.read_text().count("\n") == 2:
            other = optuna.storages.RDBStorage(f"sqlite:///{storage}")
            optuna.load_study(study_name="e", storage=other).enqueue_trial({"x": 0.125})
            other.remove_session()
            other.engine.dispose()
        return x

    result = Experiment("e", {"x": "uniform(0, 1)"}, storage, seed=1).run(objective, 5, "single", progress=False)
    assert calls.read_text().split()[2] == "0.125"
    assert calls.read_text().count("\n") == 5
    assert [trial.state for trial in result.trials] == ["completed"] * 5
