"""Write docs/guarantees.md from the record of what was tested: python -m docs.make_guarantees (make guarantees)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orion.executor._core.guarantees import GUARANTEES

RECORD = Path(__file__).with_name("guarantees")
TARGET = Path(__file__).with_name("guarantees.md")

ENGINES = (
    "process",
    "process, portable transport",
    "thread",
    "single",
    "dask",
    "ray",
    "slurm",
    "joblib",
    "futures, ProcessPoolExecutor",
    "futures, ThreadPoolExecutor",
    "futures, isolate=False",
)
"""The columns, in this order; what tests call the engine (``record_name``)."""

PARTS: Mapping[str, str] = {
    "InterfaceTests": "the documented names, arguments and meanings",
    "TimeTests": "a call that waits takes seconds: `None` waits for ever, `0` looks, a negative number is refused",
    "OutcomeTests": "every task ends exactly once, whatever it does",
    "AsyncGetTests": "`async_get` returns what has completed, in that order, and takes it off the list; it never polls",
    "WaitTests": "`wait` returns once all are complete: results in the order given, or the first failure",
    "ExceptionTests": "a task's exception arrives with its type, arguments, attributes and traceback",
    "ClosingTests": "`close()` may be called again; what is submitted after it is refused, what is pending ends",
    "OptionsTests": "options hold for their view; what is unknown or cannot be honoured is refused",
    "CurrentTaskTests": "a task knows its name and the number of its attempt",
    "SerialisationTests": "lambdas, closures and functions of `__main__` travel; what cannot is refused in `submit`",
    "ThreadsTests": "every method may be called from any thread",
    "IteratingTests": "`map`, `as_completed` and `progress`",
    "AwaitingTests": "`await future`, `async with executor`",
    "AsConcurrentTests": "`as_concurrent()` is a `concurrent.futures.Executor`",
    "NumberOfWorkersTests": "`n_workers` is checked, and says how many there are",
    "DeclarationTests": "what is refused is declared, with the reason, and refused when it is asked for",
}
"""Rows that no engine may refuse: the parts of the suite that show them."""

HEAD = """\
# Guarantees

Each cell was produced by tests that ran on the real engine, those of the suite `orion.executor.testing`: *honoured* if
tests show that the engine keeps the guarantee, *refused* if it declares that it cannot, and refuses it when it is asked
for it; the reasons are below, and in an executor's attribute `limitations`. There is nothing else.

`make guarantees` runs the suite on every engine, and makes this page of what it records in `docs/guarantees`.
"""


def record(engine: str) -> dict[str, Any]:
    """Return what is recorded of an engine."""
    from tests.guarantees import file_of

    found: dict[str, Any] = json.loads(file_of(RECORD, engine).read_text(encoding="utf-8"))
    return found


def cell(found: Mapping[str, Any], row: str) -> str:
    """Return what stands in the table.

    Raises
    ------
    ValueError
        If no test shows either; then the record is of a part of the suite only.
    """
    if row in found["refused"]:
        return "refused"
    if found["tests passed"].get(row):
        return "honoured"
    raise ValueError(f"the record of {found['engine']} has no test for {row!r}: run make guarantees")


def page() -> str:
    """Return the text of the page."""
    found = {engine: record(engine) for engine in ENGINES}
    lines = [HEAD, f"| guarantee | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for row, promise in {**PARTS, **GUARANTEES}.items():
        lines.append(f"| {promise} | {' | '.join(cell(of_engine, row) for of_engine in found.values())} |")
    for engine, of_engine in found.items():
        if of_engine["refused"]:
            lines.append(f"\n## What `{engine}` refuses\n")
            refused = sorted(of_engine["refused"].items())
            lines += [f"- *{GUARANTEES[guarantee]}*: {reason}." for guarantee, reason in refused]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
