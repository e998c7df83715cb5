"""The folders of trials: what each was told, what it printed, how its attempts ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orion.experiment.errors import DiskFull, StorageError
from orion.experiment.storage.location import ServerLocation, parse_location
from orion.experiment.trial.attempt import NO_SPACE
from orion.experiment.trial.output import STDERR, STDOUT, tail

__all__ = ["TrialFolders", "default_root"]

_TAIL_LINES = 10


def default_root(storage: str | os.PathLike[str]) -> Path:
    """Return where the folders of a storage's trials are: beside a file, else in the current folder."""
    location = parse_location(storage)
    if isinstance(location, ServerLocation):
        return Path("orion-trials").absolute()
    return location.path.with_suffix(".trials")


class TrialFolders:
    """The folders of an experiment's trials.

    ``ROOT/EXPERIMENT/NUMBER/`` holds ``parameters.json``, ``result.json`` once the trial has ended, and a
    folder ``attempt-N`` for each attempt, with ``stdout``, ``stderr`` and ``attempt.json``.

    Parameters
    ----------
    root
        Where the folders of all experiments are.
    experiment
        The experiment's name.
    """

    def __init__(self, root: str | os.PathLike[str], experiment: str) -> None:
        self.path = Path(root).absolute() / quote(experiment, safe=" ,;=+@()[]").replace(
            ".", "%2E", experiment[0] == "."
        )

    def trial(self, number: int) -> Path:
        """Return a trial's folder."""
        return self.path / str(number)

    def attempt(self, number: int, attempt: int) -> Path:
        """Return the folder of an attempt."""
        return self.trial(number) / f"attempt-{attempt}"

    def last_attempt(self, number: int) -> Path | None:
        """Return the folder of the last attempt that there is one of."""
        found = [path for path in self.trial(number).glob("attempt-*") if path.name[8:].isdigit()]
        return max(found, key=lambda path: int(path.name[8:]), default=None)

    def begin(self, number: int, attempt: int, parameters: Mapping[str, Any]) -> Path:
        """Make the folder of an attempt that is about to begin, and return it."""
        folder = self.attempt(number, attempt)
        with _errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder.parent / "parameters.json", parameters)
        return folder

    def begin_rerun(self, number: int) -> Path:
        """Make the folder of one more time that a trial is run for trying."""
        number_of_times = sum(1 for _ in self.trial(number).glob("rerun-*")) + 1
        folder = self.trial(number) / f"rerun-{number_of_times}"
        with _errors(folder):
            folder.mkdir(parents=True)
        return folder

    def end(self, number: int, attempt: int, record: Mapping[str, Any]) -> None:
        """Write down how an attempt ended."""
        folder = self.attempt(number, attempt)
        with _errors(folder):
            _write(folder / "attempt.json", record)

    def finish(self, number: int, result: Mapping[str, Any]) -> None:
        """Write down how a trial ended."""
        folder = self.trial(number)
        with _errors(folder):
            _write(folder / "result.json", result)

    def last_lines(self, number: int, attempt: int) -> str:
        """Return the last lines that an attempt printed: on standard error, or failing that on standard output."""
        folder = self.attempt(number, attempt)
        return tail(folder / STDERR, _TAIL_LINES) or tail(folder / STDOUT, _TAIL_LINES)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON, so that whoever reads finds all of it or what was there before."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise DiskFull(f"{path} cannot be written: {error.strerror}") from error
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
