"""The folder of one executor: what driver and jobs find where.

A *run* is one attempt at a task, named ``<task>.<attempt>``. Whoever creates the file ``claims/<run>`` runs it, or
keeps it from being run; that the file can be created only once is what makes every run happen at most once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orion.executor.errors import ExecutorError

__all__ = ["Folder", "check_trust", "run_name", "split_run", "tail"]

_PARTS = ("calls", "claims", "results", "done", "asked", "batches", "logs")
_TAIL_BYTES = 4000


def run_name(task: str, attempt: int) -> str:
    """Return the name of one attempt at a task."""
    return f"{task}.{attempt}"


def split_run(run: str) -> tuple[str, int]:
    """Return task and attempt."""
    task, _, attempt = run.rpartition(".")
    return task, int(attempt)


def check_trust(path: Path) -> None:
    """Refuse a folder into which others can write: what lies there is unpickled.

    Raises
    ------
    ExecutorError
        Naming the folder and what to do.
    """
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise ExecutorError(f"{path} is no folder")
    if status.st_uid != os.geteuid():
        raise ExecutorError(f"{path} belongs to another user, who could have code of theirs run as you: use your own")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ExecutorError(
            f"others may write into {path}, and could have code of theirs run as you: chmod go-w {path}, or use another"
        )


class Folder:
    """Paths, and what is done with files; no state of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls, self.claims, self.results, self.done, self.asked, self.batches, self.logs = (
            root / part for part in _PARTS
        )

    def make(self) -> None:
        """Make the folder, for its user alone."""
        self.root.mkdir(mode=0o700)
        for part in _PARTS:
            (self.root / part).mkdir()

    def clear(self) -> None:
        """Remove all but the logs; the folder too if there are none."""
        for path in (self.about, self.lock):
            path.unlink(missing_ok=True)
        for part in _PARTS[:-1]:
            shutil.rmtree(self.root / part, ignore_errors=True)
        with contextlib.suppress(OSError):  # there are logs
            self.logs.rmdir()
            self.root.rmdir()

    @property
    def about(self) -> Path:
        """Return the file that says what the executor is."""
        return self.root / "executor.json"

    @property
    def lock(self) -> Path:
        """Return the file that the driver holds a lock on while it lives."""
        return self.root / "driver.lock"

    def call(self, task: str) -> Path:
        return self.calls / task

    def result(self, run: str) -> Path:
        return self.results / run

    def finished(self, run: str) -> Path:
        """Return where a result is kept that the driver has taken in."""
        return self.done / run

    def ask(self, about: str, task: str) -> Path:
        """Return the file by which a task asks something of the driver: ``submit`` or ``cancel``."""
        return self.asked / f"{about}-{task}"

    def script(self, batch: int) -> Path:
        return self.batches / f"{batch}.sh"

    def runs(self, batch: int) -> Path:
        """Return the file that names the runs of a batch, one a line: the first is element 0 of the array."""
        return self.batches / f"{batch}.runs"

    def job(self, batch: int) -> Path:
        """Return the file that names the Slurm job of a batch."""
        return self.batches / f"{batch}.job"

    def log(self, job: str) -> Path:
        """Return what a job printed; ``job`` is as Slurm calls it, such as ``12_3``."""
        return self.logs / f"{job}.log"

    def log_of_run(self, run: str) -> Path:
        """Return what a run printed that has no job of its own."""
        return self.logs / f"run-{run}.log"

    def claim(self, run: str, who: dict[str, Any]) -> bool:
        """Take a run for oneself; false if somebody else has it, or the executor is closed."""
        try:
            number = os.open(self.claims / run, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except (FileExistsError, FileNotFoundError):
            return False
        with open(number, "w") as file:
            json.dump(who, file)
        return True

    def claimant(self, run: str) -> dict[str, Any] | None:
        """Return who has taken a run; ``None`` if nobody has."""
        try:
            text = (self.claims / run).read_text()
        except FileNotFoundError:
            return None
        try:
            found = json.loads(text)
        except ValueError:  # just being written, or its writer was killed meanwhile
            return {}
        return found if isinstance(found, dict) else {}

    def listed(self, part: Path) -> Iterator[str]:
        """Yield the names of the finished files in a part of the folder, as they are now."""
        try:
            # Makes NFS ask its server rather than its cache.
            os.chmod(part, stat.S_IMODE(part.stat().st_mode))
            names = os.listdir(part)
        except OSError:
            return
        yield from (name for name in names if not name.startswith("."))


def tail(log: Path, n_lines: int = 10) -> str:
    """Return the last lines of a log; empty if there is none."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-n_lines:])
    except OSError:
        return ""
