"""Point 2: whatever a task does, the outcome is that task's alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from orion.executor.errors import WorkerLost, WorkersUnfit
from orion.executor.testing import faults, tasks
from tests.faults import misdeeds
from tests.faults.conftest import Start
from tests.faults.waiting import await_that, start_python

# How it is called, the task, its arguments, and what the error says: an exit code, or a signal.
DEADLY: list[tuple[str, Callable[..., Any], tuple[Any, ...], int | None, int | None]] = [
    ("os._exit", faults.exit_with, (3,), 3, None),
    ("os._exit(0)", faults.exit_with, (0,), 0, None),
    ("os._exit in a thread", misdeeds.exit_in_thread, (4,), 4, None),
    ("abort", misdeeds.abort, (), None, signal.SIGABRT),
    ("null pointer", misdeeds.read_null, (), None, signal.SIGSEGV),
    ("stack overflow in C", misdeeds.overflow_stack, (), None, signal.SIGSEGV),
    ("SIGKILL", misdeeds.die_by, (signal.SIGKILL,), None, signal.SIGKILL),
    ("SIGTERM", misdeeds.die_by, (signal.SIGTERM,), None, signal.SIGTERM),
    ("SIGHUP", misdeeds.die_by, (signal.SIGHUP,), None, signal.SIGHUP),
    ("SIGBUS", misdeeds.die_by, (signal.SIGBUS,), None, signal.SIGBUS),
    ("SIGFPE", misdeeds.die_by, (signal.SIGFPE,), None, signal.SIGFPE),
    ("a real-time signal", misdeeds.die_by, (signal.SIGRTMIN + 3,), None, signal.SIGRTMIN + 3),
    ("killpg(0)", misdeeds.die_with_group, (), None, signal.SIGKILL),
    ("all descriptors closed", misdeeds.close_all, (), 70, None),
    ("all descriptors replaced", misdeeds.replace_descriptors, (), 70, None),
]


@pytest.mark.parametrize(("task", "args", "code", "number"), [d[1:] for d in DEADLY], ids=[d[0] for d in DEADLY])
def test_a_deadly_task_is_lost_alone(
    start: Start, tmp_path: Path, task: Callable[..., Any], args: tuple[Any, ...], code: int | None, number: int | None
) -> None:
    """Those before it, behind it and beside it are not; none is run twice; nothing is re-run silently."""
    executor = start(2)
    held = executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "release", "held")
    tasks.wait_for_file(tmp_path / "started")
    before = [executor.submit(tasks.record, tmp_path, f"task{n}", n) for n in range(3)]
    doomed = executor.submit(task, *args)
    behind = [executor.submit(tasks.record, tmp_path, f"task{n}", n) for n in range(3, 6)]
    with pytest.raises(WorkerLost) as raised:
        doomed.get()
    assert (raised.value.exitcode, raised.value.signal) == (code, number)
    assert executor.wait(before + behind) == list(range(6))
    assert [tasks.recorded(tmp_path, f"task{n}") for n in range(6)] == [1] * 6
    assert not held.ready()
    (tmp_path / "release").touch()
    assert held.get() == "held"


# What does not end the worker: the task has a result, or an exception of its own.
HARMLESS: list[tuple[str, Callable[..., Any], tuple[Any, ...], Any]] = [
    ("sys.exit", misdeeds.raise_exit, (5,), SystemExit),
    ("deep recursion", faults.recurse, (), RecursionError),
    ("sys.stdout.close()", misdeeds.close_streams, (), "closed"),
    ("sys.stdout = None", misdeeds.drop_streams, (), "dropped"),
    ("standard descriptors closed", misdeeds.close_standard_descriptors, (), "closed"),
    ("fork that returns", misdeeds.fork_and_return, (), "parent"),
    ("handlers and timers", misdeeds.replace_handlers, (), "replaced"),
    ("lowered limits", misdeeds.lower_limits, (), "lowered"),
    ("a daemonic child", misdeeds.forget_child, (60,), "returned"),
]


@pytest.mark.parametrize(("task", "args", "outcome"), [h[1:] for h in HARMLESS], ids=[h[0] for h in HARMLESS])
def test_what_a_task_does_to_its_process_harms_no_other(
    start: Start, task: Callable[..., Any], args: tuple[Any, ...], outcome: Any
) -> None:
    executor = start(1)
    normal = executor.wait([executor.submit(look) for look in (misdeeds.signals, misdeeds.limits)])
    future = executor.submit(task, *args)
    if isinstance(outcome, type):
        with pytest.raises(outcome):
            future.get()
    else:
        assert future.get() == outcome
    assert executor.submit(misdeeds.hello).get() == "hello"
    assert executor.wait([executor.submit(look) for look in (misdeeds.signals, misdeeds.limits)]) == normal
    assert executor.wait([executor.submit(tasks.identity, n) for n in range(20)]) == list(range(20))


def test_surroundings_that_a_task_changes_are_put_back(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    normal = executor.submit(misdeeds.surroundings).get()
    assert executor.submit(misdeeds.change_surroundings, tmp_path).get() == "changed"
    assert executor.submit(misdeeds.surroundings).get() == normal


def test_who_has_seen_how_a_task_ended_finds_nothing_changed(start: Start, tmp_path: Path) -> None:
    """However soon the next is submitted: what is left out between calls that follow at once, is left out for those."""
    executor = start(1)
    normal = executor.submit(misdeeds.surroundings).get()
    for _ in range(200):
        executor.submit(misdeeds.change_surroundings, tmp_path).get()
        assert executor.submit(misdeeds.surroundings).get() == normal


def test_what_the_initializer_has_set_up_is_the_surroundings(start: Start, tmp_path: Path) -> None:
    executor = start(1, initializer=misdeeds.change_surroundings, initargs=(tmp_path,))
    folder, mask, environ = executor.submit(misdeeds.surroundings).get()
    assert (folder, mask, environ["ORION_LEFT_BEHIND"]) == (str(tmp_path), 0o077, "yes")
    assert executor.submit(misdeeds.surroundings).get() == (folder, mask, environ)


@pytest.mark.parametrize("daemon", [False, True])
def test_a_thread_that_a_task_leaves_does_not_hold_up_its_result(start: Start, tmp_path: Path, daemon: bool) -> None:
    """It goes on in the worker, and ends with it."""
    executor = start(1)
    assert executor.submit(misdeeds.leave_thread, tmp_path / "release", daemon).get() == "returned"
    assert executor.submit(tasks.identity, 1).get() == 1
    executor.close()


@pytest.mark.parametrize("own_session", [False, True])
def test_a_process_that_a_task_leaves_ends_with_the_task(start: Start, tmp_path: Path, own_session: bool) -> None:
    executor = start(1)
    if own_session and executor.limitations.get("child_processes"):
        pytest.skip(executor.limitations["child_processes"])
    lock = tmp_path / "lock"
    pid = executor.submit(misdeeds.leave_process, lock, tmp_path / "started", own_session).get()
    await_that(lambda: not psutil.pid_exists(pid))
    assert not tasks.is_locked(lock)
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_fork_that_a_task_leaves_ends_with_the_task(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    lock = tmp_path / "lock"
    assert executor.submit(misdeeds.fork_and_stay, lock, tmp_path / "started").get() == "returned"
    await_that(lambda: not tasks.is_locked(lock))
    assert executor.submit(tasks.identity, 1).get() == 1


@pytest.mark.usefixtures("linux_only")
def test_a_daemon_that_a_task_leaves_ends_with_the_task(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    lock = tmp_path / "lock"
    assert executor.submit(misdeeds.fork_twice_and_return, lock, tmp_path / "started").get() == "returned"
    await_that(lambda: not tasks.is_locked(lock))
    assert executor.submit(tasks.identity, 1).get() == 1


def test_want_of_address_space_is_an_error_of_the_task(start: Start) -> None:
    executor = start(1)
    with pytest.raises((MemoryError, WorkerLost)):
        executor.submit(misdeeds.use_address_space, 0.2).get()
    assert executor.submit(tasks.identity, 1).get() == 1


def test_a_suspended_task_holds_up_no_other(start: Start, tmp_path: Path) -> None:
    executor = start(2)
    stopped = executor.submit(misdeeds.suspend, tmp_path / "pid")
    tasks.wait_for_file(tmp_path / "pid")
    assert executor.wait([executor.submit(tasks.identity, n) for n in range(20)]) == list(range(20))
    assert not stopped.ready()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)
    assert stopped.get() == "went on"


@pytest.mark.usefixtures("linux_only")
def test_a_task_that_kills_the_template_ends_what_runs_and_nothing_else(start: Start, tmp_path: Path) -> None:
    executor = start(1)
    doomed = executor.submit(misdeeds.kill_parent)
    behind = [executor.submit(tasks.record, tmp_path, f"task{n}", n) for n in range(5)]
    with pytest.raises(WorkerLost, match="watches over it was killed"):
        doomed.get()
    assert executor.wait(behind) == list(range(5))
    assert [tasks.recorded(tmp_path, f"task{n}") for n in range(5)] == [1] * 5


@pytest.mark.usefixtures("linux_only")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the pool's thread says so, too
def test_garbage_in_the_result_pipe_ends_the_pool_with_a_clear_error(start: Start) -> None:
    """All workers write into that one, so what was written in between cannot be told apart."""
    executor = start(1)
    future = executor.submit(misdeeds.write_everywhere)
    with pytest.raises(WorkerLost, match="descriptors"):
        future.get()
    with pytest.raises(WorkerLost):
        executor.submit(tasks.identity, 1).get()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"initializer": tasks.fail_with, "initargs": (KeyError, "no")}, "KeyError: 'no'"),
        ({"initializer": misdeeds.raise_exit, "initargs": (3,)}, "SystemExit"),
        ({"initializer": faults.exit_with, "initargs": (7,)}, "exited with code 7"),
        ({"initializer": misdeeds.read_null}, "signal 11"),
        ({"initializer": misdeeds.close_all}, "descriptors"),
        ({"preload": ["no_such_module"]}, "no_such_module"),
        ({"preload": ["tests.faults.fails_at_import"]}, "ZeroDivisionError"),
        ({"preload": ["tests.faults.crashes_at_import"]}, "signal 11"),
    ],
    ids=[
        "initializer raises",
        "initializer raises SystemExit",
        "initializer exits",
        "initializer crashes",
        "initializer closes all",
        "preload is missing",
        "preload fails",
        "preload crashes",
    ],
)
def test_workers_that_cannot_start_end_in_a_clear_error(start: Start, settings: dict[str, Any], told: str) -> None:
    executor = start(2, **settings)
    futures = [executor.submit(tasks.identity, n) for n in range(3)]
    for future in futures:
        with pytest.raises(WorkersUnfit, match=told):
            future.get()
    with pytest.raises(WorkersUnfit):
        executor.submit(tasks.identity, 1).get()


def test_the_replacement_works_at_once(start: Start) -> None:
    """Fifty deaths, one after the other."""
    executor = start(1)
    rounds = 50 if executor._pool.__class__.__name__ == "Pool" else 5
    pids = set()
    for _ in range(rounds):
        with pytest.raises(WorkerLost):
            executor.submit(faults.exit_with, 1).get()
        pids.add(executor.submit(os.getpid).get())
    assert len(pids) == rounds


def test_a_driver_without_standard_streams(transport: str, tmp_path: Path) -> None:
    """As daemons are: descriptors 0 to 2 are closed, and the next that are opened must not get these numbers."""
    code = f"""
        import pathlib, sys
        from orion.executor.process_backend import ProcessExecutor
        from tests.faults import misdeeds

        with ProcessExecutor(2, transport={transport!r}) as executor:
            results = executor.wait([executor.submit(misdeeds.hello) for _ in range(10)])
        pathlib.Path(sys.argv[1]).write_text(str(results == ["hello"] * 10))
        """
    driver = start_python(code, str(tmp_path / "out"), preexec_fn=lambda: os.closerange(0, 3))
    assert driver.wait(30) == 0
    assert (tmp_path / "out").read_text() == "True"
