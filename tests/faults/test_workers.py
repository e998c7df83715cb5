"""Point 9: workers as users want them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from orion.executor.testing import tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start
from tests.faults.waiting import await_that, run_python, start_python


def test_the_initializer_runs_once_in_every_worker_before_its_tasks(start: Start, tmp_path: Path) -> None:
    executor = start(2, initializer=misdeeds.note_process, initargs=(tmp_path,))
    pids = set(executor.wait([executor.submit(misdeeds.pid_after, 0.01) for _ in range(20)]))
    notes = [path.name for path in tmp_path.iterdir()]
    assert len(notes) == len(set(notes))
    assert pids <= {int(name) for name in notes}


@pytest.mark.usefixtures("linux_only")
def test_preloaded_modules_are_imported_once(start: Start) -> None:
    """Workers are forked after that, and share what it holds."""
    executor = start(2, preload=("tests.faults.loaded",), max_tasks_per_worker=1)
    loads = set(executor.wait([executor.submit(misdeeds.who_loaded) for _ in range(4)]))
    (loader,) = {pid for pid, _ in loads}
    assert loader not in {worker for _, worker in loads}
    assert len(loads) == 4


def test_the_environment_reaches_workers_and_their_children(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORION_INHERITED", "yes")
    executor = start(env={"ORION_GIVEN": "also"})
    environ = executor.submit(misdeeds.surroundings).get()[2]
    assert (environ["ORION_INHERITED"], environ["ORION_GIVEN"]) == ("yes", "also")


@pytest.mark.parametrize("given", [None, "3"])
def test_threads_of_numeric_libraries_are_a_fair_share(
    start: Start, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    executor = start(2, env={} if given is None else {"OMP_NUM_THREADS": given})
    environ = executor.submit(misdeeds.surroundings).get()[2]
    share = str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert environ["OMP_NUM_THREADS"] == given or environ["OMP_NUM_THREADS"] == share
    assert environ["OPENBLAS_NUM_THREADS"] == share


def test_each_worker_sees_a_device_of_its_own(start: Start, tmp_path: Path) -> None:
    executor = start(2, gpus=2)
    held = [executor.submit(misdeeds.device_when_released, tmp_path / str(n), tmp_path / "go") for n in range(2)]
    for n in range(2):
        tasks.wait_for_file(tmp_path / str(n))
    (tmp_path / "go").touch()
    assert sorted(executor.wait(held)) == ["0", "1"]


def test_the_device_of_a_dead_worker_goes_to_its_replacement(start: Start, tmp_path: Path) -> None:
    executor = start(2, gpus=["a", "b"])
    held = executor.submit(misdeeds.device_when_released, tmp_path / "started", tmp_path / "go")
    tasks.wait_for_file(tmp_path / "started")
    others = set()
    for _ in range(3):
        executor.submit(os._exit, 1).wait()
        others.add(executor.submit(misdeeds.device).get())
    (tmp_path / "go").touch()
    assert len(others) == 1
    assert {held.get()} | others == {"a", "b"}


def test_workers_are_replaced_after_so_many_tasks(start: Start) -> None:
    executor = start(1, max_tasks_per_worker=3)
    pids = executor.wait([executor.submit(os.getpid) for _ in range(9)])
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]


def test_a_worker_that_has_grown_is_replaced(start: Start) -> None:
    executor = start(1, max_worker_memory_gb=0.3)
    first = executor.submit(os.getpid).get()
    assert executor.submit(os.getpid).get() == first
    assert executor.submit(misdeeds.grow, 0.4).get() == first
    assert executor.submit(os.getpid).get() != first


def test_idle_workers_go_and_come_back(start: Start) -> None:
    executor = start(2, idle_timeout=0.2)
    pids = set(executor.wait([executor.submit(misdeeds.pid_after, 0.05) for _ in range(4)]))
    await_that(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    assert executor.submit(os.getpid).get() not in pids


@pytest.mark.usefixtures("linux_only")
def test_an_idle_pool_does_nothing(start: Start) -> None:
    """No process of it, and no thread of the driver's, is scheduled at all while there is nothing to do."""
    executor = start(2)
    executor.wait([executor.submit(misdeeds.pid_after, 0.05) for _ in range(4)])
    mine = psutil.Process()
    pool = [f"/proc/{process.pid}/status" for process in mine.children(recursive=True)]
    pool += [f"/proc/{mine.pid}/task/{thread}/status" for thread in misdeeds.threads_named("orion-pool")]
    await_that(lambda: misdeeds.switches_within(pool, 1.0) == 0)


@pytest.mark.parametrize("module", ["random", "numpy.random", "torch"])
@pytest.mark.parametrize("preload", [True, False], ids=["preloaded", "imported by the task"])
def test_random_numbers_differ(start: Start, module: str, preload: bool) -> None:
    pytest.importorskip(module)
    executor = start(1, preload=(module,) if preload else (), max_tasks_per_worker=1)
    numbers = executor.wait([executor.submit(misdeeds.random_number, module) for _ in range(4)])
    assert len(set(numbers)) == 4


def test_n_workers_honours_affinity() -> None:
    cpu = min(os.sched_getaffinity(0))
    code = """
        from orion.executor.process_backend import ProcessExecutor

        with ProcessExecutor() as executor:
            print(executor.n_workers)
        """
    from subprocess import PIPE

    driver = start_python(code, stdout=PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
    assert driver.communicate(timeout=30)[0] == "1\n"


def test_a_worker_killed_by_others_is_replaced(start: Start) -> None:
    executor = start(1)
    for _ in range(8):
        pid = executor.submit(os.getpid).get()
        os.kill(pid, 9)
        await_that(lambda pid=pid: not psutil.pid_exists(pid))  # type: ignore[misc]  # the loop's own
    assert executor.submit(tasks.identity, 1).get() == 1


@pytest.mark.parametrize("others", [True, False], ids=["others do", "there is none"])
def test_no_descriptor_is_left_for_a_worker(others: bool) -> None:
    """Then fewer workers do; with none at all the tasks fail, and later ones work if there are descriptors again."""
    code = f"""
        import os, resource
        from orion.executor.errors import WorkersUnfit
        from orion.executor.process_backend import ProcessExecutor
        from orion.executor.testing import tasks
        from tests.faults import misdeeds

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        with ProcessExecutor(2) as executor:
            if {others}:
                executor.submit(tasks.identity, 1).get()
            misdeeds.leave_descriptors(0)
            futures = [executor.submit(tasks.identity, n) for n in range(20)]
            for n, future in enumerate(futures):
                try:
                    assert future.get() == n
                except WorkersUnfit as error:
                    assert "Too many open files" in str(error)
                    print("refused", end=" ")
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            print(executor.submit(tasks.identity, 7).get())
        """
    run = run_python(code)
    assert run.stdout == ("" if others else "refused " * 20) + "7\n", run.stderr
