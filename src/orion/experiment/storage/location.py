"""What a storage argument names: a SQLite file, a journal file, or a database on a server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from orion.experiment.errors import StorageError

__all__ = ["DEFAULT_STORAGE", "FileLocation", "Location", "ServerKind", "ServerLocation", "parse_location"]

DEFAULT_STORAGE = "sqlite:///experiments.db"

FileKind: TypeAlias = Literal["sqlite", "journal"]
ServerKind: TypeAlias = Literal["postgresql", "mysql"]

_FILES: dict[str, FileKind] = {"sqlite:///": "sqlite", "journal:///": "journal"}
_SERVERS: dict[str, ServerKind] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_JOURNAL_SUFFIX = ".journal"


@dataclass(frozen=True)
class FileLocation:
    """A file of this machine, or of a folder that it shares."""

    kind: FileKind
    path: Path


@dataclass(frozen=True)
class ServerLocation:
    """A database on a server; ``url`` may hold a password."""

    kind: ServerKind
    url: str


Location: TypeAlias = FileLocation | ServerLocation


def parse_location(text: str | os.PathLike[str]) -> Location:
    """Return what a storage argument names.

    A path is a SQLite file, or a journal file if its name ends in ``.journal``; ``sqlite:///FILE`` and
    ``journal:///FILE`` say so themselves. ``postgresql://…`` and ``mysql://…`` are databases on servers.

    Raises
    ------
    StorageError
        If it is none of these.
    """
    text = os.fspath(text)
    scheme, found, _ = text.partition("://")
    for start, kind in _FILES.items():
        if text.startswith(start):
            return FileLocation(kind, _file(text[len(start) :]))
    server = _SERVERS.get(scheme.partition("+")[0].lower()) if found else None
    if server is not None:
        return ServerLocation(server, text)
    if found:
        raise StorageError(
            f"storage {text!r}: give a path, sqlite:///FILE, journal:///FILE, "
            "postgresql://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE"
        )
    return FileLocation("journal" if text.endswith(_JOURNAL_SUFFIX) else "sqlite", _file(text))


def _file(text: str) -> Path:
    if not text or text == ":memory:":
        raise StorageError("an experiment needs a database that lasts: give a path, or sqlite:///FILE")
    return Path(os.path.abspath(text))
