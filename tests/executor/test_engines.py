"""Which engines there are, and the test of one on the user's own machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from orion.executor import engines as engines_module
from orion.executor.engines import engines
from orion.executor.self_test import self_test


def test_every_engine_is_listed_with_what_it_honours() -> None:
    found = {engine.name: engine for engine in engines()}
    assert {"single", "thread", "process", "dask", "ray", "slurm", "futures", "joblib"} <= set(found)
    assert "singleexecutor" not in found
    assert found["process"].is_installed
    assert set(found["process"].limitations or {}) == {"cpus", "gpus"}
    assert "options(timeout=…) stops a task that runs longer" in found["process"].honoured
    assert "a thread cannot be stopped" in " ".join(found["thread"].refused.values())


def test_what_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "find_spec", lambda _: None)
    dask = next(engine for engine in engines() if engine.name == "dask")
    assert not dask.is_installed
    assert dask.install == "pip install 'orion-executor[dask]'"


def test_a_good_engine_is_found_good() -> None:
    findings = list(self_test("process", {"n_workers": 2}, modules=["json"]))
    assert all(finding.is_good for finding in findings), findings
    text = "\n".join(finding.text for finding in findings)
    assert "2 workers" in text
    assert "time limit" in text
    assert "reported lost" in text


def test_what_is_wrong_is_said_in_words(tmp_path: Path) -> None:
    bad = [
        finding.text for finding in self_test("thread", {"n_workers": 1}, modules=["no_such_module"], folder=tmp_path)
    ]
    assert any("lacks the module no_such_module" in text for text in bad)
    (refused,) = self_test("process", {"colour": "red"})
    assert not refused.is_good
    assert "colour" in refused.text
