"""Opening a storage of any kind."""

from __future__ import annotations

import os

from orion.experiment.storage.database import Database
from orion.experiment.storage.location import ServerLocation, parse_location

__all__ = ["open_database"]


def open_database(location: str | os.PathLike[str], *, create: bool, read_only: bool = False) -> Database:
    """Open the storage that an argument names.

    Parameters
    ----------
    location
        A path, or a URL: see :func:`~orion.experiment.storage.location.parse_location`.
    create
        Whether to make the file, or the tables, if there are none.
    read_only
        Whether it is only to be looked at: then files are neither written nor locked, and need not be writable.

    Raises
    ------
    StorageError
        If it cannot be made, read or written, or holds something else.
    """
    parsed = parse_location(location)
    if isinstance(parsed, ServerLocation):
        from orion.experiment.storage.server import DatabaseServer

        return DatabaseServer(parsed.kind, parsed.url, create=create)
    if parsed.kind == "journal":
        from orion.experiment.storage.journal import JournalFile

        return JournalFile(parsed.path, create=create, read_only=read_only)
    from orion.experiment.storage.sqlite import SQLiteFile

    return SQLiteFile(parsed.path, create=create, read_only=read_only)
