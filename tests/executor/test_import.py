"""What importing the package costs, and that code written for Oríon's executors finds its names."""

from __future__ import annotations

import subprocess
import sys

import pytest

import orion.executor

HEAVY = ("numpy", "optuna", "dask", "distributed", "ray", "cloudpickle", "multiprocessing.pool", "pytest", "asyncio")


def python(code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import orion.executor",
        "import orion.executor.base",
        "from orion.executor import *",
        "from orion.executor import create_executor; create_executor('single').close()",
        "from orion.executor.testing import ScriptedExecutor",
        "from orion.executor import current_task; assert current_task() is None",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_asked_for(code: str) -> None:
    assert python(f"{code}\nimport sys\nprint([m for m in {HEAVY} if m in sys.modules])").strip() == "[]"


def test_public_names_are_there() -> None:
    for name in orion.executor.__all__:
        assert getattr(orion.executor, name) is not None
    assert set(orion.executor.__all__) <= set(dir(orion.executor))
    with pytest.raises(AttributeError, match="no_such_name"):
        orion.executor.no_such_name  # noqa: B018 - reading it raises


def test_modules_of_older_code_are_importable() -> None:
    from orion.executor.base import AsyncException, AsyncResult, BaseExecutor, ExecutorClosed, Future, executor_factory
    from orion.executor.multiprocess_backend import PoolExecutor
    from orion.executor.single_backend import SingleExecutor

    assert all((AsyncException, AsyncResult, BaseExecutor, ExecutorClosed, Future, executor_factory, PoolExecutor))
    with SingleExecutor(n_workers=4) as executor:
        futures = [executor.submit(pow, number, 2) for number in range(4)]
        results = executor.async_get(futures, timeout=0.01)
        assert [result.value for result in results] == [0]
        assert executor.wait(futures) == [1, 4, 9]


@pytest.mark.parametrize(("backend", "kind"), [("thread", "ThreadExecutor"), ("threading", "ThreadExecutor")])
def test_the_pool_of_older_code_chooses_an_engine(backend: str, kind: str) -> None:
    from orion.executor.multiprocess_backend import PoolExecutor

    with PoolExecutor(n_workers=2, backend=backend) as executor:  # type: ignore[abstract]  # it makes another
        assert type(executor).__name__ == kind
        assert isinstance(executor, PoolExecutor)
    with pytest.raises(ValueError, match=r"'quantum'.*multiprocess.*loky.*thread"):
        PoolExecutor(backend="quantum")  # type: ignore[abstract]


def test_the_suite_says_that_it_needs_pytest() -> None:
    code = """
import sys
sys.modules["pytest"] = None
import orion.executor.testing as testing
testing.ScriptedExecutor(1).close()
try:
    testing.ExecutorConformance
except ImportError as error:
    print(error)
"""
    assert "pip install pytest" in python(code)
