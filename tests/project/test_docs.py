"""The documentation names everything: each public name is in the reference, each error in the page on failures."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from orion.executor import BaseExecutor, errors
from orion.executor.testing import ExecutorConformance

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "module", ["orion.executor", "orion.executor.base", "orion.executor.testing", "orion.experiment"]
)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    reference = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    missing = [name for name in importlib.import_module(module).__all__ if f".{name}\n" not in reference]
    assert missing == []


def test_every_error_is_in_the_page_on_failures() -> None:
    page = (DOCS / "failures.md").read_text(encoding="utf-8")
    assert [name for name in errors.__all__ if f"`{name}`" not in page] == []


def test_the_engine_of_the_docs_is_short() -> None:
    source = (DOCS.parent / "examples" / "own_engine.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 80
    assert "_core" not in source


class TestOwnEngine(ExecutorConformance):
    """The engine that the page on writing one shows."""

    def make_executor(self, n_workers: int) -> BaseExecutor:
        spec = importlib.util.spec_from_file_location("own_engine", DOCS.parent / "examples" / "own_engine.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        executor: BaseExecutor = module.OwnExecutor(n_workers)
        return executor
