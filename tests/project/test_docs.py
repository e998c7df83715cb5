"""The documentation names everything: each public name is in the reference, each error in the page on failures."""

from __future__ import annotations

import importlib
import importlib.util
import runpy
from pathlib import Path
from types import ModuleType

import pytest

import orion.executor.errors
import orion.experiment.errors
from orion.executor import BaseExecutor
from orion.executor.testing import ExecutorConformance

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    "module", ["orion.executor", "orion.executor.base", "orion.executor.testing", "orion.experiment"]
)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    reference = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    missing = [name for name in importlib.import_module(module).__all__ if f".{name}\n" not in reference]
    assert missing == []


@pytest.mark.parametrize("errors", [orion.executor.errors, orion.experiment.errors])
def test_every_error_is_in_the_page_on_failures(errors: ModuleType) -> None:
    page = (DOCS / "failures.md").read_text(encoding="utf-8")
    names = [name for name in errors.__all__ if issubclass(getattr(errors, name), BaseException)]
    assert [name for name in names if f"\n| `{name}` |" not in page] == []


def test_every_message_is_in_the_page_on_failures() -> None:
    """The page is built with the list of all; a root is not raised itself, and two are made of what is at hand."""
    all_messages = runpy.run_path(str(DOCS / "all_messages.py"))
    assert all_messages["PLACE"] in (DOCS / "failures.md").read_text(encoding="utf-8")
    found = all_messages["messages"]()
    made_elsewhere = {"TaskStopped", "TaskReport", "RemoteException", "RemoteTraceback", "ExperimentInterrupted"}
    assert set(all_messages["FAMILY"]) - set(found) == made_elsewhere
    assert "there is no engine …; the known ones are …" in found["UnknownExecutor"]
    assert "`there is no engine …; the known ones are …`" in all_messages["section"]()


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
