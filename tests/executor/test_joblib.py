"""joblib and scikit-learn on our engines."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

joblib = pytest.importorskip("joblib", minversion="1.5")

import orion.executor.joblib  # noqa: E402 - which needs joblib, and registers the backend
from orion.executor import create_executor  # noqa: E402
from orion.executor.base import BaseExecutor  # noqa: E402
from orion.executor.testing import tasks  # noqa: E402


@pytest.fixture(params=["process", "thread"])
def executor(request: pytest.FixtureRequest) -> Iterator[BaseExecutor]:
    with create_executor(request.param, n_workers=2) as made:
        yield made


def test_calls_run_on_the_executor_and_return_in_order(executor: BaseExecutor) -> None:
    with joblib.parallel_config("orion", executor=executor):
        assert joblib.Parallel()(joblib.delayed(pow)(number, 2) for number in range(300)) == [n**2 for n in range(300)]
        assert joblib.effective_n_jobs(-1) == 2
    assert executor.submit(abs, -1).get() == 1


def test_results_may_be_generated(executor: BaseExecutor) -> None:
    with joblib.parallel_config("orion", executor=executor):
        results = joblib.Parallel(return_as="generator")(joblib.delayed(abs)(-number) for number in range(20))
        assert list(results) == list(range(20))
        unordered = joblib.Parallel(return_as="generator_unordered")(
            joblib.delayed(abs)(-number) for number in range(20)
        )
        assert sorted(unordered) == list(range(20))


def test_what_a_call_raises_is_raised(executor: BaseExecutor) -> None:
    with joblib.parallel_config("orion", executor=executor):
        with pytest.raises(ZeroDivisionError):
            joblib.Parallel()(joblib.delayed(divmod)(1, number) for number in range(5))
        assert joblib.Parallel()(joblib.delayed(abs)(-number) for number in range(5)) == [0, 1, 2, 3, 4]


def test_no_more_workers_are_used_than_asked_for(tmp_path: Path) -> None:
    with create_executor("process", n_workers=4) as executor, joblib.parallel_config("orion", executor=executor):
        calls = [joblib.delayed(tasks.count_running)(tmp_path) for _ in range(20)]
        assert max(joblib.Parallel(n_jobs=2, batch_size=1)(calls)) == 2


def nested(depth: int) -> int:
    """Count the leaves of a tree of nested calls."""
    if depth == 0:
        return 1
    return sum(joblib.Parallel(n_jobs=2)(joblib.delayed(nested)(depth - 1) for _ in range(3)))


def test_calls_may_be_nested_without_a_deadlock(executor: BaseExecutor) -> None:
    with joblib.parallel_config("orion", executor=executor):
        assert nested(3) == 27


def test_a_call_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    with create_executor("process", n_workers=2) as executor, joblib.parallel_config("orion", executor=executor):
        lock, started = tmp_path / "lock", tmp_path / "started"
        hanging = joblib.delayed(tasks.hold_lock)(lock, started)
        with pytest.raises(joblib.parallel.TimeoutError):
            joblib.Parallel(timeout=1.0)(iter([hanging, joblib.delayed(tasks.hold_lock)(lock, tmp_path / "other")]))
        assert executor.submit(abs, -1).get() == 1
        executor.close()
        assert not lock.exists() or not tasks.is_locked(lock)


def test_the_options_of_the_executor_apply(tmp_path: Path) -> None:
    with create_executor("process", n_workers=2) as executor:
        patient = executor.options(retries=2, retry_on=ValueError)
        with joblib.parallel_config("orion", executor=patient):
            calls = [joblib.delayed(tasks.record_and_raise)(tmp_path, f"call {number}", 2) for number in range(3)]
            assert joblib.Parallel(batch_size=1)(calls) == [2, 2, 2]


def test_without_an_executor_there_is_one_for_each_call() -> None:
    """That its processes end is checked after every test."""
    before = threading.active_count()
    assert joblib.Parallel(n_jobs=2, backend="orion")(joblib.delayed(abs)(-number) for number in range(5)) == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert threading.active_count() <= before + 1  # the thread of the view may be on its last lines


def test_an_executor_that_is_closed_ends_the_call(tmp_path: Path) -> None:
    executor = create_executor("process", n_workers=2)
    started = tmp_path / "started"

    def close() -> None:
        tasks.wait_for_file(started)
        executor.close()

    closing = threading.Thread(target=close)
    closing.start()
    with joblib.parallel_config("orion", executor=executor), pytest.raises((CancelledError, RuntimeError)):
        joblib.Parallel()(iter([joblib.delayed(tasks.hold_lock)(tmp_path / "lock", started)] * 2))
    closing.join()


def test_an_executor_is_one_of_ours() -> None:
    with pytest.raises(TypeError, match="create_executor"):
        joblib.parallel_config("orion", executor="process")


def blas_threads() -> list[int]:
    import numpy
    from threadpoolctl import threadpool_info

    numpy.ones((2, 2)) @ numpy.ones((2, 2))
    return [library["num_threads"] for library in threadpool_info()]


def test_the_threads_of_numeric_libraries_can_be_limited() -> None:
    with create_executor("process", n_workers=2, env={"OPENBLAS_NUM_THREADS": "4"}) as executor:
        with joblib.parallel_config("orion", executor=executor, inner_max_num_threads=1):
            assert joblib.Parallel()(joblib.delayed(blas_threads)() for _ in range(2)) == [[1], [1]]
        with joblib.parallel_config("orion", executor=executor):
            (first, _) = joblib.Parallel()(joblib.delayed(blas_threads)() for _ in range(2))
            assert first != [1]


def test_the_threads_of_this_process_are_not_limited_by_the_way() -> None:
    with (
        create_executor("thread", n_workers=2) as executor,
        pytest.raises(AssertionError, match="inner_max_num_threads"),
    ):
        joblib.parallel_config("orion", executor=executor, inner_max_num_threads=1)


def test_nothing_is_registered_that_is_not_ours() -> None:
    assert joblib.parallel.BACKENDS["orion"] is orion.executor.joblib.OrionBackend


SAME_AS_LOKY = """
import joblib, numpy, sys
import orion.executor.joblib
from orion.executor import create_executor
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import SVC

X, y = load_iris(return_X_y=True)


def run():
    search = GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1]}, cv=3, n_jobs=2).fit(X, y)
    forest = RandomForestClassifier(20, random_state=0, n_jobs=2).fit(X, y)
    nested = cross_val_score(RandomForestClassifier(10, random_state=0, n_jobs=2), X, y, cv=3, n_jobs=2)
    return search.best_params_, search.cv_results_["mean_test_score"], forest.predict_proba(X), nested


with joblib.parallel_config("loky"):
    expected = run()
with create_executor(sys.argv[1], n_workers=2) as executor, joblib.parallel_config("orion", executor=executor):
    found = run()
assert found[0] == expected[0], (found[0], expected[0])
for ours, theirs in zip(found[1:], expected[1:]):
    numpy.testing.assert_array_equal(ours, theirs)
print("the same")
"""


@pytest.mark.parametrize("engine", ["process", "thread"])
def test_scikit_learn_finds_the_same_as_with_loky(engine: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    command: list[Any] = [
        sys.executable,
        "-c",
        SAME_AS_LOKY,
        engine,
    ]  # loky leaves helper processes until its program ends
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert (run.returncode, run.stdout) == (0, "the same\n"), run.stderr
