"""Finding the objective that the command line names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orion.experiment import ObjectiveError
from orion.experiment.objectives.loading import load_objective


@pytest.fixture(autouse=True)
def imports_undone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_a_file_is_imported_with_the_modules_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("FACTOR = 3\n")
    file = tmp_path / "my-objective.py"
    file.write_text("from beside_it import FACTOR\ndef f(x):\n    return FACTOR * x\n")
    objective = load_objective(f"{file}:f")
    assert objective(x=2) == 6
    assert load_objective(f"{file}:f") is objective
    assert sys.path[0] == str(tmp_path)


def test_a_relative_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "relative_objective.py").write_text("def f(x): return x\n")
    monkeypatch.chdir(tmp_path)
    assert load_objective("relative_objective.py:f")(x=2) == 2


def test_a_module_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package_here").mkdir()
    (tmp_path / "package_here" / "training.py").write_text("def f(x): return x\n")
    monkeypatch.chdir(tmp_path)
    assert load_objective("package_here.training:f")(x=2) == 2


def test_an_installed_module() -> None:
    assert load_objective("math:sqrt")(4) == 2


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("objective.py", "name the function too"),
        ("objective.py:", "name the function too"),
        (":f", "name the function too"),
        ("missing.py:f", "missing.py: no such file"),
        ("no_such_module:f", "no_such_module cannot be imported: ModuleNotFoundError"),
        ("good.py:g", "has no function 'g'; it has f"),
        ("good.py:VALUE", "is not a function but int"),
        ("syntax.py:f", "SyntaxError: "),
        ("raises.py:f", "ZeroDivisionError: division by zero (line 2)"),
        ("exits.py:f", "SystemExit: 3 (line 2)"),
        ("json.py:f", "would hide the module 'json'; rename"),
        ("pytest.py:f", "would hide the module 'pytest'; rename"),
        ("a.b.py:f", "rename"),
    ],
)
def test_what_cannot_be_loaded_is_refused(
    target: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("good.py", "json.py", "pytest.py", "a.b.py"):
        Path(name).write_text("VALUE = 1\ndef f(x): return x\n")
    Path("syntax.py").write_text("def f(x:\n")
    Path("raises.py").write_text("def f(x): return x\n1 / 0\n")
    Path("exits.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(ObjectiveError) as caught:
        load_objective(target)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
