"""What the conformance runs prove, written down: ``pytest --guarantees FOLDER``, a file for each engine.

``make guarantees`` runs all of the suite this way, and makes the table of the docs from the record.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Recorder", "file_of"]


def file_of(folder: Path, engine: str) -> Path:
    """Return the file for an engine."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', engine.lower())}.json"


class Recorder:
    """A pytest plugin; in the process that hears of all tests.

    Parameters
    ----------
    folder
        Where the files are. Those of engines that are not tested stay as they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, Counter[str]] = defaultdict(Counter)
        self._refused: dict[str, dict[str, str]] = defaultdict(dict)
        self._failed: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        noted: dict[str, list[Any]] = defaultdict(list)
        for name, value in report.user_properties:
            noted[name].append(value)
        for engine in noted["engine"][:1]:
            if report.failed:
                self._failed[engine].add(report.nodeid)
            elif report.when == "call":
                self._take(engine, report, noted)

    def _take(self, engine: str, report: pytest.TestReport, noted: dict[str, list[Any]]) -> None:
        for guarantee, reason in noted["refused"]:
            self._refused[engine][guarantee] = reason
        if report.passed:
            self._kept[engine].update({*noted["guarantee"], *noted["part"]})

    def pytest_sessionfinish(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for engine in self._kept:
            if self._failed[engine]:  # no record is better than one of a broken engine
                file_of(self._folder, engine).unlink(missing_ok=True)
                continue
            record = {
                "engine": engine,
                "tests passed": dict(sorted(self._kept[engine].items())),
                "refused": dict(sorted(self._refused[engine].items())),
            }
            text = json.dumps(record, indent=1, ensure_ascii=False)
            file_of(self._folder, engine).write_text(f"{text}\n", encoding="utf-8")
