"""What the engines declare is said in the docs and in their docstrings."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path

import pytest

from orion.executor.base import executor_factory

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "make_guarantees.py"))
    written = (DOCS / "guarantees.md").read_text(encoding="utf-8")
    assert written == made["page"](), "run: python docs/make_guarantees.py"


@pytest.mark.parametrize("name", executor_factory.get_classes())
def test_an_engine_names_its_exceptions_in_its_docstring(name: str) -> None:
    engine = executor_factory.get_class(name)
    missing = [key for key in engine.limitations if f"``{key}``" not in inspect.getdoc(engine)]
    assert not missing
