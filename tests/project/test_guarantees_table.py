"""The page of guarantees says what tests have shown, and what the engines declare; so do their docstrings."""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orion.executor import _portable
from orion.executor._core.guarantees import GUARANTEES
from orion.executor._futures.limitations import IN_PROCESSES, IN_THREADS, IN_WORKERS
from orion.executor.base import executor_factory
from orion.executor.testing import ExecutorConformance

DOCS = Path(__file__).parents[2] / "docs"
MADE: dict[str, Any] = runpy.run_path(str(DOCS / "make_guarantees.py"))
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "futures, ProcessPoolExecutor": IN_PROCESSES,
    "futures, ThreadPoolExecutor": IN_THREADS,
    "futures, isolate=False": IN_WORKERS,
    "process, portable transport": _portable.limitations(),
}


def test_the_page_says_what_is_recorded() -> None:
    written = (DOCS / "guarantees.md").read_text(encoding="utf-8")
    assert written == MADE["page"](), "run: python -m docs.make_guarantees"


@pytest.mark.parametrize("engine", MADE["ENGINES"])
def test_each_cell_comes_from_tests_that_ran_on_what_the_engine_still_declares(engine: str) -> None:
    found = MADE["record"](engine)
    declared = VARIANTS[engine] if engine in VARIANTS else executor_factory.get_class(engine).limitations
    assert found["refused"] == dict(declared), "run: make guarantees"
    for row in (*MADE["PARTS"], *GUARANTEES):
        assert MADE["cell"](found, row) == ("refused" if row in declared else "honoured")


def test_the_rows_are_parts_of_the_suite() -> None:
    parts = {part.__name__ for part in ExecutorConformance.__bases__}
    assert set(MADE["PARTS"]) <= parts


def test_no_engine_is_missing() -> None:
    families = {engine.partition(",")[0] for engine in MADE["ENGINES"]}
    assert families >= {kind for kind in executor_factory.get_classes() if "executor" not in kind}


@pytest.mark.parametrize("name", executor_factory.get_classes())
def test_an_engine_names_its_exceptions_in_its_docstring(name: str) -> None:
    engine = executor_factory.get_class(name)
    missing = [key for key in engine.limitations if f"``{key}``" not in inspect.getdoc(engine)]
    assert not missing
