"""Point 10: however the driver ends, nothing of it is left, and it ends soon."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from orion.executor.base import ExecutorClosed
from orion.executor.process_backend import ProcessExecutor
from orion.executor.testing import tasks
from tests.faults.conftest import Start
from tests.faults.kill_driver import rounds
from tests.faults.waiting import await_that, run_python, start_python

# Two workers are busy, one of them with a child process; tasks are queued; a line says that it is so.
BUSY = """
    import os, pathlib, signal, sys, time
    from orion.executor.process_backend import ProcessExecutor
    from orion.executor.testing import tasks
    from tests.faults import misdeeds

    folder = pathlib.Path(sys.argv[1])
    executor = ProcessExecutor(2, transport={transport!r})
    futures = [
        executor.submit(tasks.spawn_child_and_hang, folder / "lock", folder / "started", {own_session}),
        executor.submit(tasks.hold_lock_against_all, folder / "other", folder / "other-started"),
    ]
    futures += [executor.submit(time.sleep, 60) for _ in range(100)]
    for name in ("started", "other-started"):
        tasks.wait_for_file(folder / name)
    print("busy", flush=True)
    {ending}
"""


class Driver:
    """A script that is busy."""

    def __init__(self, folder: Path, transport: str, ending: str, own_session: bool) -> None:
        self._folder = folder
        code = BUSY.format(transport=transport, ending=ending, own_session=own_session)
        self.process = start_python(code, str(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "busy\n", self.process.communicate()
        self.tree = psutil.Process(self.process.pid).children(recursive=True)

    def ended(self) -> tuple[int, str]:
        """Wait for its end; check that nothing of it is left; return its exit code and what it wrote as errors."""
        _, errors = self.process.communicate(timeout=30)
        _, alive = psutil.wait_procs(self.tree, 10)
        assert alive == []
        for name in ("lock", "other"):
            assert not tasks.is_locked(self._folder / name)
        return self.process.returncode, errors

    def close(self) -> None:
        """See to it that it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def own_session(transport: str) -> Iterator[bool]:
    """Whether the child of the task is in a session of its own, which the portable transport does not find."""
    return transport == "linux"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("pass", 0),
        ("executor.close()", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('wrong')", 1),
        ("del executor, futures; time.sleep(0.1)", 0),
        ("os._exit(4)", 4),
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGHUP)", -signal.SIGHUP),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("misdeeds.read_null()", -signal.SIGSEGV),
        ("os.execv(sys.executable, [sys.executable, '-c', ''])", 0),
    ],
    ids=["end", "close", "exit", "exception", "collected", "_exit", "abort", "TERM", "HUP", "KILL", "crash", "exec"],
)
def test_nothing_outlives_the_driver(transport: str, own_session: bool, tmp_path: Path, ending: str, code: int) -> None:
    if "exec" in ending and transport == "portable":
        ending = "executor.close(); " + ending  # whose sockets are closed then, but whose process goes on
    with closing(Driver(tmp_path, transport, ending, own_session)) as driver:
        assert driver.ended()[0] == code


@pytest.mark.parametrize("waiting", ["futures[0].get()", "executor.wait(futures)", "executor.async_get(futures)"])
def test_ctrl_c_once_is_enough(transport: str, own_session: bool, tmp_path: Path, waiting: str) -> None:
    """With one traceback, the driver's own."""
    with closing(Driver(tmp_path, transport, waiting, own_session)) as driver:
        os.killpg(driver.process.pid, signal.SIGINT)
        code, errors = driver.ended()
        assert code == -signal.SIGINT
        assert errors.count("Traceback") == 1
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert len(errors.splitlines()) < 30


def test_ctrl_c_in_a_with_block(transport: str, own_session: bool, tmp_path: Path) -> None:
    ending = "\n    with executor:\n        futures[0].get()"
    with closing(Driver(tmp_path, transport, ending, own_session)) as driver:
        os.killpg(driver.process.pid, signal.SIGINT)
        code, errors = driver.ended()
        assert (code, errors.count("Traceback")) == (-signal.SIGINT, 1)


def test_ctrl_c_at_a_prompt_leaves_a_pool_that_works(transport: str) -> None:
    """The call that waits is interrupted; the tasks are not."""
    code = f"""
        import os, signal, threading
        from orion.executor.process_backend import ProcessExecutor
        from orion.executor.testing import tasks

        with ProcessExecutor(1, transport={transport!r}) as executor:
            executor.submit(tasks.identity, 1).get()
            import time
            slow = executor.submit(time.sleep, 0.7)
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                slow.get()
            except KeyboardInterrupt:
                print("interrupted", slow.get(), executor.submit(tasks.identity, 2).get())
        """
    run = run_python(code)
    assert (run.stdout, run.stderr, run.returncode) == ("interrupted None 2\n", "", 0)


@pytest.mark.parametrize("ask", ["future.get()", "executor.async_get(pending)", "executor.wait(pending)"])
def test_ctrl_c_while_a_result_is_loaded_leaves_it_to_be_loaded_later(transport: str, ask: str) -> None:
    code = f"""
        import os
        from orion.executor.process_backend import ProcessExecutor
        from tests.faults.misdeeds import InterruptsItsLoading

        with ProcessExecutor(1, transport={transport!r}) as executor:
            future = executor.submit(InterruptsItsLoading, os.getpid())
            pending = [future]
            future.wait()
            try:
                {ask}
            except KeyboardInterrupt:
                print("interrupted", len(pending), executor.async_get(pending)[0].value, future.get())
        """
    run = run_python(code)
    assert (run.stdout, run.stderr, run.returncode) == ("interrupted 1 loaded loaded\n", "", 0)


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit()", "executor.close()", "executor.submit(len, 'a')"])
def test_a_fork_of_the_driver_ends_as_it_likes(transport: str, end: str) -> None:
    code = f"""
        import os, sys
        from orion.executor.process_backend import ProcessExecutor
        from orion.executor.testing import tasks

        executor = ProcessExecutor(1, transport={transport!r})
        executor.submit(tasks.identity, 1).get()
        child = os.fork()
        if child == 0:
            sys.stderr = open(os.devnull, "w")
            {end}
            sys.exit()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(executor.submit(tasks.identity, 2).get(), code)
        """
    run = run_python(code)
    assert run.stdout == f"2 {1 if 'submit' in end else 0}\n", run.stderr
    assert run.returncode == 0


def test_a_fork_that_lives_on_keeps_no_worker_alive(transport: str, tmp_path: Path) -> None:
    ending = (
        "\n    if os.fork() == 0:\n        (folder / 'fork').write_text(str(os.getpid())); time.sleep(60); os._exit(0)"
        "\n    tasks.wait_for_file(folder / 'fork'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with closing(Driver(tmp_path, transport, ending, False)) as driver:
        driver.process.wait(30)
        fork = psutil.Process(int((tmp_path / "fork").read_text()))
        try:
            _, alive = psutil.wait_procs([process for process in driver.tree if process != fork], 10)
            assert alive == []
        finally:
            fork.kill()


def test_closing_while_busy_is_prompt(start: Start, tmp_path: Path) -> None:
    executor = start(2)
    futures: list[Any] = [
        executor.submit(tasks.hold_lock_against_all, tmp_path / "lock", tmp_path / "started"),
        *(executor.submit(time.sleep, 60) for _ in range(1000)),
    ]
    tasks.wait_for_file(tmp_path / "started")
    executor.close()
    assert all(future.ready() for future in futures)
    assert not tasks.is_locked(tmp_path / "lock")
    with pytest.raises(ExecutorClosed):
        executor.submit(tasks.identity, 1)


def test_an_executor_that_nobody_holds_is_collected(transport: str, tmp_path: Path) -> None:
    """As soon as its tasks have ended: nothing is lost that was submitted."""
    others = set(psutil.Process().children(recursive=True))  # of libraries that other tests use
    executor = ProcessExecutor(2, transport=transport)
    executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "release", 1)
    tasks.wait_for_file(tmp_path / "started")
    workers = set(psutil.Process().children(recursive=True)) - others
    del executor
    gc.collect()
    (tmp_path / "release").touch()
    await_that(lambda: not any(worker.is_running() for worker in workers))


def _template() -> psutil.Process:
    """Return the template of the only pool; libraries may have helpers of their own below this process."""
    (template,) = (
        it for it in psutil.Process().children() if any("_process.template" in word for word in it.cmdline())
    )
    return template


@pytest.mark.parametrize("own_session", [False, True])
def test_the_template_is_killed_and_what_tasks_started_ends(tmp_path: Path, own_session: bool) -> None:
    """Also what is in a session of its own, which nothing but its environment tells apart."""
    with ProcessExecutor(2) as executor:
        executor.submit(tasks.spawn_child_and_hang, tmp_path / "lock", tmp_path / "started", own_session)
        tasks.wait_for_file(tmp_path / "started")
        template = _template()
        template.kill()
        await_that(lambda: not tasks.is_locked(tmp_path / "lock"))
        assert executor.submit(tasks.identity, 1).get() == 1
        executor.close()


@pytest.mark.usefixtures("linux_only")
def test_the_template_may_be_killed_again_and_again(start: Start) -> None:
    executor = start(1).options(retries=3)
    for number in range(8):
        assert executor.submit(tasks.identity, number).get() == number
        template = _template()
        template.kill()
        await_that(lambda template=template: not template.is_running())  # type: ignore[misc]  # the loop's own
    assert executor.submit(tasks.identity, 9).get() == 9


def test_a_driver_that_is_stopped_for_a_while_goes_on(transport: str, tmp_path: Path) -> None:
    code = f"""
        import pathlib, sys
        from orion.executor.process_backend import ProcessExecutor
        from orion.executor.testing import tasks

        with ProcessExecutor(2, transport={transport!r}) as executor:
            futures = [executor.submit(tasks.identity, n) for n in range(3000)]
            print("busy", flush=True)
            print(sum(executor.wait(futures)))
        """
    driver = start_python(code, stdout=subprocess.PIPE)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "busy\n"
    driver.send_signal(signal.SIGSTOP)
    time.sleep(0.3)  # that is the point
    driver.send_signal(signal.SIGCONT)
    assert driver.communicate(timeout=30)[0] == f"{sum(range(3000))}\n"


def test_a_driver_killed_while_busy_leaves_nothing(tmp_path: Path) -> None:
    """Some rounds of what ``python -m tests.faults.kill_driver`` does more often."""
    assert rounds(5, tmp_path) == []
