"""What was measured: a line of JSON for each value, so that a run can be broken off, and goes on where it was."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.rounds import ROOT, Cell

__all__ = ["Results", "circumstances"]


def circumstances() -> dict[str, Any]:
    """Return where and when it was measured."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "date": date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


@dataclass
class Results:
    """What was measured, and under what circumstances."""

    where: dict[str, Any]
    path: Path | None = None
    """The file to which each value is added."""
    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """By measurement and contestant."""
    reasons: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """Why there is no value."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the libraries, by contestant."""
    loads: list[float] = field(default_factory=list)
    """How many processes wanted a CPU, at each value."""
    taken: set[Cell] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return what a file holds, and take off a line that was not written to its end."""
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rindex("\n") + 1]
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        first, *lines = whole.splitlines()
        results = cls(json.loads(first), path)
        for line in lines:
            results._count(json.loads(line))
        return results

    @classmethod
    def begin(cls, path: Path | None) -> Results:
        """Return an empty one, for what is to be measured here and now."""
        results = cls(circumstances(), path)
        if path is not None:
            path.write_text(json.dumps(results.where) + "\n", encoding="utf-8")
        return results

    def add(self, cell: Cell, answer: dict[str, Any]) -> None:
        """Keep one value, or the reason why there is none."""
        record = {**cell._asdict(), **answer, "load": round(os.getloadavg()[0], 2)}
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._count(record)

    def median(self, measure: str, contestant: str) -> float | None:
        values = self.values[measure][contestant]
        return statistics.median(values) if values else None

    def _count(self, record: dict[str, Any]) -> None:
        cell = Cell(record["round"], record["measure"], record["contestant"])
        self.taken.add(cell)
        self.loads.append(record["load"])
        if "value" in record:
            self.values[cell.measure][cell.contestant].append(record["value"])
        else:
            self.reasons[cell.measure][cell.contestant] = record["why"]
        if "version" in record:
            self.versions[cell.contestant] = record["version"]
