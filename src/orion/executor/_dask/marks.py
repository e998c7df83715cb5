"""Which tasks a worker has begun, in a file that outlives the worker.

When a worker dies, Dask's scheduler knows which tasks it had been given, not which it had begun. Only those must
not be run again. The file is mapped, so a mark costs a copy of a few bytes, and it is there as soon as it is made,
however the process ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import struct
import tempfile
import time
from pathlib import Path

from orion.executor._dask.keys import Mark

__all__ = ["Marks", "read"]

_ENTRY = struct.Struct("<QQI")  # of the executor, number, attempt
_N_ENTRIES = 1 << 14  # more than a worker is ever given at a time
_STALE_SECONDS = 3600.0


class Marks:
    """The marks of one worker, the latest of them."""

    def __init__(self, worker: str) -> None:
        _sweep()
        self._path = _path(worker)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, _ENTRY.size * _N_ENTRIES)
            self._map = mmap.mmap(fd, _ENTRY.size * _N_ENTRIES)
        finally:
            os.close(fd)
        self._count = 0

    def add(self, mark: Mark) -> None:
        """Note that a task begins."""
        place = self._count % _N_ENTRIES
        _ENTRY.pack_into(self._map, place * _ENTRY.size, *_packed(mark))
        self._count += 1

    def close(self, *, keep: bool) -> None:
        """Add no more; ``keep`` the file for a driver that will ask."""
        self._map.close()
        if not keep:
            self._path.unlink(missing_ok=True)


def read(worker: str, marks: list[Mark]) -> list[Mark] | None:
    """Return which of ``marks`` a worker of this host has made; ``None`` if that cannot be told here."""
    try:
        data = _path(worker).read_bytes()
    except OSError:
        return None
    made = set(_ENTRY.iter_unpack(data))
    return [mark for mark in marks if _packed(mark) in made]


def _packed(mark: Mark) -> tuple[int, int, int]:
    digest = hashlib.blake2b(mark.executor.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little"), mark.number, mark.attempt


def _path(worker: str) -> Path:
    name = hashlib.blake2b(worker.encode(), digest_size=16).hexdigest()
    return Path(tempfile.gettempdir()) / f"orion-dask-{os.getuid()}-{name}"


def _sweep() -> None:
    """Remove what workers have left that were killed long ago."""
    for path in Path(tempfile.gettempdir()).glob(f"orion-dask-{os.getuid()}-*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _STALE_SECONDS and not _is_mapped(path):
                path.unlink()


def _is_mapped(path: Path) -> bool:
    """Return whether a process of this user still has the file mapped."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            if str(path) in maps.read_text():
                return True
    return False
