"""Engines by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orion.executor import create_executor
from orion.executor._core import registry
from orion.executor.base import BaseExecutor, executor_factory
from orion.executor.errors import EngineNotInstalled, UnknownExecutor
from orion.executor.single_backend import SingleExecutor
from orion.executor.thread_backend import ThreadExecutor

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that makes a distribution with one entry point importable."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(group: str, name: str, target: str) -> None:
        info = tmp_path / f"plugin_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")

    (tmp_path / "plugin_engines.py").write_text(
        "from orion.executor.single_backend import SingleExecutor\n"
        "class Engine(SingleExecutor):\n    pass\n"
        "def not_an_engine():\n    pass\n"
    )
    (tmp_path / "plugin_without_library.py").write_text("import a_library_that_is_not_installed\n")
    yield write
    sys.modules.pop("plugin_engines", None)
    sys.modules.pop("plugin_without_library", None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("single", SingleExecutor),
        ("Single", SingleExecutor),
        ("singleexecutor", SingleExecutor),
        ("SingleExecutor", SingleExecutor),
        ("thread", ThreadExecutor),
        ("THREAD", ThreadExecutor),
    ],
)
def test_names_are_not_case_sensitive(name: str, kind: type[BaseExecutor]) -> None:
    with executor_factory.create(name, n_workers=1) as executor:
        assert type(executor) is kind
    with create_executor(name, 1) as executor:
        assert type(executor) is kind


def test_the_pool_of_older_code_is_made_by_its_name() -> None:
    with create_executor("PoolExecutor", n_workers=2, backend="threading") as executor:
        assert type(executor) is ThreadExecutor
        assert isinstance(executor, executor_factory.get_class("poolexecutor"))


@pytest.mark.parametrize("name", ["nothing", "", "singel"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UnknownExecutor) as raised:
        create_executor(name)
    assert isinstance(raised.value, ValueError)
    for known in (repr(name), "single", "thread", "process"):
        assert known in str(raised.value)


def test_what_is_no_name_is_unknown() -> None:
    with pytest.raises((UnknownExecutor, TypeError)):
        create_executor(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("group", ["orion.executor", "BaseExecutor"])
def test_engines_of_other_distributions_are_found(install: Install, group: str) -> None:
    install(group, "Added", "plugin_engines:Engine")
    assert "added" in executor_factory.names()
    with create_executor("ADDED", n_workers=1) as executor:
        assert type(executor).__name__ == "Engine"
    assert "added" in executor_factory.get_classes()
    with pytest.raises(UnknownExecutor, match="added"):
        create_executor("nothing")


def test_our_own_names_cannot_be_taken(install: Install) -> None:
    install("orion.executor", "single", "plugin_engines:Engine")
    with create_executor("single") as executor:
        assert type(executor) is SingleExecutor
    assert executor_factory.names().count("single") == 1


def test_a_missing_library_names_the_install_command(install: Install) -> None:
    install("orion.executor", "lacking", "plugin_without_library:Engine")
    with pytest.raises(EngineNotInstalled, match=r"'lacking'.*pip install") as raised:
        create_executor("lacking")
    assert isinstance(raised.value, ImportError)
    assert "a_library_that_is_not_installed" in str(raised.value)
    assert "lacking" not in executor_factory.get_classes()


@pytest.mark.parametrize("name", ["dask", "ray", "slurm", "futures", "joblib"])
def test_engines_past_one_machine_are_known_by_name(name: str) -> None:
    assert name in executor_factory.names()
    with pytest.raises(UnknownExecutor, match=name):
        create_executor("nothing")


def test_an_engine_that_this_version_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._BUILT_IN, "coming", "orion.executor.coming_backend:Coming")
    with pytest.raises(EngineNotInstalled, match="'coming' is not in this version"):
        create_executor("coming")
    assert "coming" not in executor_factory.get_classes()


def test_the_install_command_names_the_extra() -> None:
    error = EngineNotInstalled.of("dask", "distributed")
    assert "'dask' needs distributed" in str(error)
    assert str(error).endswith("pip install 'orion-executor[dask]'")
    assert "'orion-executor[futures]'" in str(EngineNotInstalled.of("joblib", "loky", extra="futures"))


def test_an_entry_point_that_is_no_engine_is_told(install: Install) -> None:
    install("orion.executor", "wrong", "plugin_engines:not_an_engine")
    with pytest.raises(TypeError, match=r"'wrong'.*BaseExecutor"):
        create_executor("wrong")


def test_arguments_reach_the_engine() -> None:
    with pytest.raises(TypeError, match="colour"):
        create_executor("thread", colour="red")
    with pytest.raises(ValueError, match="n_workers"):
        create_executor("thread", n_workers=0)
