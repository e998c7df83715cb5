"""Where experiments are recorded: SQLite files, database servers, journal files."""

from __future__ import annotations

from orion.experiment.storage.database import Database, quiet_optuna
from orion.experiment.storage.location import DEFAULT_STORAGE
from orion.experiment.storage.opening import open_database

__all__ = ["DEFAULT_STORAGE", "Database", "open_database", "quiet_optuna"]
