"""Reading what a trial has printed, also while it prints."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from orion.experiment.trial.output import STDERR, STDOUT

__all__ = ["read_log"]

_INTERVAL_S = 0.2
_CHUNK = 1 << 16


def read_log(folder: Path, write: Callable[[str, bytes], object], *, follow: bool) -> None:
    """Hand over what an attempt has printed, in pieces, as they were written.

    Parameters
    ----------
    folder
        The attempt's.
    write
        Called with ``"stdout"`` or ``"stderr"``, and a piece of it.
    follow
        Go on until the attempt has ended.
    """
    read = dict.fromkeys((STDOUT, STDERR), 0)
    while True:
        ended = (folder / "attempt.json").exists()  # first: what is printed before the end is read after this
        for name in read:
            read[name] += _read_from(folder / name, read[name], partial(write, name))
        if ended or not follow:
            return
        time.sleep(_INTERVAL_S)


def _read_from(path: Path, start: int, write: Callable[[bytes], object]) -> int:
    """Hand over a file from some byte on; return how many bytes that were."""
    if not path.exists():
        return 0
    with open(path, "rb") as file:
        file.seek(start)
        while piece := file.read(_CHUNK):
            write(piece)
        return file.seek(0, os.SEEK_CUR) - start
