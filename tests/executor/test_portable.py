"""The portable transport of the process engine: what the conformance suite does not say of it."""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy
import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

from orion.executor._portable import limitations
from orion.executor._portable.messages import HEADER, Inbox, Message, body_of, content_of
from orion.executor._portable.pool import PortablePool
from orion.executor._process import capabilities
from orion.executor._process.pool import Pool
from orion.executor.errors import OptionNotSupported, TaskTimeout, WorkerLost, WorkersUnfit
from orion.executor.process_backend import ProcessExecutor
from orion.executor.testing import tasks

PATIENCE = 60.0


@pytest.fixture
def executor() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(1, transport="portable") as made:
        yield made
        made.close()


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this did not come to pass"
        time.sleep(0.005)


def workers_of(pid: int | None = None) -> list[psutil.Process]:
    """Return the portable workers that a process has started."""
    found = []
    for child in psutil.Process(pid).children():
        try:
            if any("_portable.worker" in argument for argument in child.cmdline()):
                found.append(child)
        except psutil.Error:  # it has ended meanwhile
            continue
    return found


class TestChoice:
    """By what the system can do, not by its name."""

    def test_this_system_has_what_the_linux_transport_needs(self) -> None:
        assert capabilities.missing() == []
        assert capabilities.supported()

    def test_auto_takes_the_first_that_is_supported(self) -> None:
        with ProcessExecutor(1) as executor:
            assert isinstance(executor._pool, Pool)
            assert executor.limitations == ProcessExecutor.limitations

    @pytest.mark.parametrize(
        ("module", "name"),
        [(os, "memfd_create"), (os, "pidfd_open"), (os, "eventfd"), (os, "O_DIRECT"), (select, "poll")],
    )
    def test_what_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        monkeypatch.delattr(module, name)
        with pytest.raises(OptionNotSupported, match=f"{name}.*portable"):
            ProcessExecutor(1, transport="linux")
        gc.collect()
        with ProcessExecutor(1) as executor:
            assert isinstance(executor._pool, PortablePool)
            assert executor.submit(tasks.identity, 1).get() == 1

    def test_an_unknown_transport_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'auto', 'linux' or 'portable', not 'pigeon'"):
            ProcessExecutor(1, transport="pigeon")

    def test_limitations_belong_to_the_instance(self, executor: ProcessExecutor) -> None:
        assert executor.limitations == limitations()
        assert executor.options(name="a view").limitations == limitations()
        in_a_task = executor.submit(lambda inside: dict(inside.limitations), executor).get()
        for name in ("output", "logs"):
            assert in_a_task.pop(name) == "what a task submits prints and logs where its worker does"
        assert in_a_task == limitations()
        assert "child_processes" not in ProcessExecutor.limitations

    def test_it_runs_without_modules_that_only_unix_has(self) -> None:
        """Nor the functions that only Linux has; where ``waitid`` is missing the process is reaped first."""
        output = _run(
            """
            import os, select, socket, sys
            for name in ("fcntl", "resource", "termios", "pwd", "grp"):
                sys.modules[name] = None
            for name in ("memfd_create", "pidfd_open", "eventfd", "O_DIRECT", "pipe2", "waitid", "sched_getaffinity"):
                delattr(os, name)
            del socket.send_fds, socket.recv_fds, select.poll, select.epoll
            from orion.executor.process_backend import ProcessExecutor
            from orion.executor.errors import WorkerLost

            with ProcessExecutor(2) as executor:
                assert executor.wait([executor.submit(divmod, n, 3) for n in range(20)])[19] == (6, 1)
                try:
                    executor.submit(os._exit, 3).get()
                except WorkerLost as error:
                    print("code", error.exitcode)
                print(executor.submit(len, "abc").get())
            """
        )
        assert output == ["code", "3", "3"]


class TestMessages:
    def test_pieces_are_put_together(self) -> None:
        bodies = [body_of(b"call", [memoryview(b"buffer")]), b"", body_of(b"x" * 1000)]
        stream = b"".join(HEADER.pack(len(body), 2, number) + body for number, body in enumerate(bodies))
        inbox = Inbox()
        arrived: list[Message] = []
        for place in range(0, len(stream), 7):
            arrived += inbox.add(stream[place : place + 7])
        assert arrived == [Message(2, number, body) for number, body in enumerate(bodies)]
        data, buffers = content_of(arrived[0].body)
        assert data == b"call"
        assert [bytes(buffer) for buffer in buffers] == [b"buffer"]

    def test_what_could_be_written_can_be_written_again(self) -> None:
        _, (read_only, writable) = content_of(body_of(b"", [memoryview(b"a"), memoryview(bytearray(b"b"))]))
        assert read_only.readonly
        assert not writable.readonly

    def test_what_is_no_message_is_refused(self) -> None:
        with pytest.raises(ValueError, match="begins no message"):
            list(Inbox().add(b"printed into a descriptor of the worker's"))


class TestIsolation:
    def test_a_worker_inherits_its_own_socket_only(self, executor: ProcessExecutor) -> None:
        """So there is nothing to connect to, and no worker keeps another from seeing the driver end."""
        other = ProcessExecutor(2, transport="portable")
        with other:
            for pool in (executor, other):
                pool.submit(tasks.identity, 1).get()
            sockets = executor.submit(_sockets).get()
        assert len(sockets) == 1

    def test_nothing_secret_is_in_the_command_line(self, executor: ProcessExecutor) -> None:
        executor.submit(tasks.identity, 1).get()
        (worker,) = workers_of()
        *_, path, line, device = worker.cmdline()
        assert path.split("\n") == [os.path.abspath(entry) for entry in sys.path]
        assert line.isdigit()
        assert device == "0"

    @pytest.mark.parametrize("end", ["cancel", "timeout", "death", "close"])
    def test_the_process_group_of_a_task_ends_with_it(
        self, executor: ProcessExecutor, tmp_path: Path, end: str
    ) -> None:
        lock, started = tmp_path / "lock", tmp_path / "started"
        view = executor.options(timeout=2.0) if end == "timeout" else executor
        future = view.submit(tasks.spawn_child_and_hang, lock, started, False, die=end == "death")
        if end in ("cancel", "close"):
            tasks.wait_for_file(started)
            (future.cancel if end == "cancel" else executor.close)()
        errors = {"cancel": CancelledError, "close": CancelledError, "timeout": TaskTimeout, "death": WorkerLost}
        with pytest.raises(errors[end]):
            future.get()
        await_that(lambda: not lock.exists() or not tasks.is_locked(lock))

    def test_a_suspended_worker_holds_up_no_other(self, tmp_path: Path) -> None:
        """Also if replies wait for it that the socket cannot take."""
        with ProcessExecutor(2, transport="portable") as executor:
            stopped = executor.submit(_submit_and_suspend, executor, tmp_path / "stopped")
            tasks.wait_for_file(tmp_path / "stopped")
            await_that(lambda: any(worker.status() == psutil.STATUS_STOPPED for worker in workers_of()))
            assert executor.wait([executor.submit(tasks.identity, n) for n in range(50)]) == list(range(50))
            assert not stopped.ready()
            assert stopped.cancel()
            assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_suspended_worker_is_stopped_at_its_time_limit(self, executor: ProcessExecutor) -> None:
        with pytest.raises(TaskTimeout):
            executor.options(timeout=0.5).submit(_suspend).get()
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_what_an_ending_worker_did_not_begin_goes_to_another(self, executor: ProcessExecutor) -> None:
        ending = executor.submit(os.getpid).get()
        os.kill(ending, signal.SIGSTOP)
        future = executor.submit(os.getpid)
        os.kill(ending, signal.SIGKILL)
        assert future.get() != ending

    def test_a_call_that_no_worker_has_the_memory_to_read_is_lost(self) -> None:
        with ProcessExecutor(1, transport="portable", initializer=_allow_memory, initargs=(100_000_000,)) as executor:
            with pytest.raises(WorkerLost, match="trial 7"):
                executor.options(name="trial 7").submit(len, bytes(400_000_000)).get()
            assert executor.submit(tasks.identity, 2).get() == 2
            executor.close()

    def test_what_is_written_into_the_line_is_no_message(self, executor: ProcessExecutor) -> None:
        with pytest.raises(WorkerLost, match="could not be taken in"):
            executor.submit(_write_into_sockets).get()
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_handler_that_a_task_leaves_behind_harms_no_other(self, executor: ProcessExecutor) -> None:
        executor.submit(_leave_timer_behind).get()
        (worker,) = workers_of()
        time.sleep(0.1)  # the timer goes off meanwhile, that is the point
        assert executor.submit(tasks.identity, 1).get() == 1
        assert workers_of() == [worker]

    def test_a_result_is_what_it_was_when_the_task_ended(self) -> None:
        with ProcessExecutor(1, transport="portable") as executor:
            futures = [executor.submit(_refill, number) for number in range(20)]
            for number, array in enumerate(executor.wait(futures)):
                assert (array == number).all()

    def test_arrays_arrive_whole_and_can_be_written(self, executor: ProcessExecutor) -> None:
        array = numpy.random.default_rng(1).random((1000, 500))
        future = executor.submit(_add_one_in_place, array)
        before = array.copy()
        array[:] = 0
        result = future.get()
        numpy.testing.assert_array_equal(result, before + 1)
        result += 1


class TestNested:
    def test_twenty_deep_with_one_worker(self, executor: ProcessExecutor) -> None:
        """Then the workers that are not needed any more go."""
        assert executor.submit(tasks.nested_get, executor, 20).get() == 20
        await_that(lambda: len(workers_of()) <= 2)
        assert executor.submit(tasks.nested_get, executor, 2).get() == 2

    @pytest.mark.parametrize("transport", ["linux", "portable"])
    def test_what_a_task_leaves_behind_is_done_whatever_becomes_of_its_worker(
        self, transport: str, tmp_path: Path
    ) -> None:
        with ProcessExecutor(1, transport=transport) as executor:
            first = executor.submit(tasks.submit_and_forget, executor, tmp_path, "run")
            dying = executor.options(name="dying").submit(os._exit, 1)
            assert first.get() == "submitted"
            dying.wait()
        assert tasks.recorded(tmp_path, "run") == 1


class TestWorkers:
    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"initializer": tasks.fail_with, "initargs": (KeyError, "no")}, r"no worker can be made ready.*KeyError"),
            ({"initializer": os._exit, "initargs": (7,)}, "exited with code 7"),
            ({"preload": ["no_such_module"]}, "no_such_module"),
        ],
        ids=["initializer fails", "initializer kills", "module is missing"],
    )
    def test_workers_that_cannot_be_made_ready_end_in_an_error(self, settings: dict[str, Any], told: str) -> None:
        with ProcessExecutor(2, transport="portable", **settings) as executor:
            future = executor.submit(tasks.identity, 1)
            with pytest.raises(WorkersUnfit, match=told):
                future.get()

    def test_every_worker_is_made_ready(self) -> None:
        settings: dict[str, Any] = {
            "initializer": _initialize,
            "initargs": ("yes",),
            "env": {"ORION_GIVEN": "also"},
            "gpus": ["a", "b"],
            "preload": ["colorsys"],
        }
        with ProcessExecutor(1, transport="portable", **settings) as executor:
            found = executor.submit(_surroundings).get()
        assert found == ("yes", "also", "a", True)

    def test_workers_are_replaced_after_so_many_tasks(self) -> None:
        with ProcessExecutor(1, max_tasks_per_worker=2, transport="portable") as executor:
            pids = executor.wait([executor.submit(os.getpid) for _ in range(6)])
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 2]

    def test_idle_workers_go_and_come_back(self) -> None:
        with ProcessExecutor(2, idle_timeout=0.1, transport="portable") as executor:
            executor.wait([executor.submit(tasks.identity, n) for n in range(4)])
            await_that(lambda: not workers_of())
            assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_task_is_asked_to_end_before_it_is_killed(self, executor: ProcessExecutor, tmp_path: Path) -> None:
        started, cleaned = tmp_path / "started", tmp_path / "cleaned"
        future = executor.options(grace=PATIENCE).submit(_clean_up_when_asked, started, cleaned)
        tasks.wait_for_file(started)
        assert future.cancel()
        tasks.wait_for_file(cleaned)
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_a_task_that_resists_is_killed_after_its_time_of_grace(
        self, executor: ProcessExecutor, tmp_path: Path
    ) -> None:
        lock, started = tmp_path / "lock", tmp_path / "started"
        view = executor.options(timeout=0.5, grace=0.1)
        with pytest.raises(TaskTimeout):
            view.submit(tasks.hold_lock_against_all, lock, started).get()
        await_that(lambda: not lock.exists() or not tasks.is_locked(lock))
        assert executor.submit(tasks.identity, 1).get() == 1

    def test_want_of_descriptors_means_fewer_workers(self) -> None:
        """Not a lost task, as long as one worker is there."""
        output = _run(
            """
            import resource
            from orion.executor.process_backend import ProcessExecutor
            from orion.executor.testing import tasks

            with ProcessExecutor(8, transport="portable") as executor:
                executor.submit(tasks.identity, 1).get()
                resource.setrlimit(resource.RLIMIT_NOFILE, (14, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
                print(sum(executor.wait([executor.submit(tasks.identity, n) for n in range(100)])))
            """
        )
        assert output == ["4950"]

    def test_want_of_descriptors_in_the_depth_ends_in_an_error(self) -> None:
        """Every worker waits for the next, which there cannot be."""
        output = _run(
            """
            import resource
            from orion.executor.errors import WorkersUnfit
            from orion.executor.process_backend import ProcessExecutor
            from orion.executor.testing import tasks

            with ProcessExecutor(1, transport="portable") as executor:
                executor.submit(tasks.identity, 1).get()
                resource.setrlimit(resource.RLIMIT_NOFILE, (14, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
                try:
                    executor.submit(tasks.nested_get, executor, 20).get()
                except WorkersUnfit as error:
                    print("files" in str(error))
            """
        )
        assert output == ["True"]


class TestEndOfTheDriver:
    DRIVER = """
        import os, sys, time
        from pathlib import Path
        from orion.executor.process_backend import ProcessExecutor
        from orion.executor.testing import tasks

        folder, forks = Path(sys.argv[1]), sys.argv[2] == "forks"
        executor = ProcessExecutor(2, transport="portable")
        executor.submit(tasks.spawn_child_and_hang, folder / "lock", folder / "started", False)
        executor.submit(tasks.hold_lock_against_all, folder / "other", folder / "other-started")
        for name in ("started", "other-started"):
            tasks.wait_for_file(folder / name)
        if forks and os.fork() == 0:
            (folder / "forked").touch()
            time.sleep(tasks.PATIENCE)
            os._exit(0)
        (folder / "ready").touch()
        time.sleep(tasks.PATIENCE)
    """

    @pytest.mark.parametrize("forks", [False, True])
    def test_no_process_outlives_a_killed_driver(self, tmp_path: Path, forks: bool) -> None:
        """Also if a forked child of the driver lives on."""
        driver = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(self.DRIVER), str(tmp_path), "forks" if forks else ""],
            env=_environment(),
            start_new_session=True,
        )
        try:
            tasks.wait_for_file(tmp_path / "ready")
            if forks:
                tasks.wait_for_file(tmp_path / "forked")
            workers = workers_of(driver.pid)
            descendants = [process for worker in workers for process in (worker, *worker.children(recursive=True))]
            assert len(workers) == 2
            assert len(descendants) == 3
            driver.kill()
            driver.wait()
            _, alive = psutil.wait_procs(descendants, PATIENCE)
            assert alive == []
            assert not tasks.is_locked(tmp_path / "lock")
            assert not tasks.is_locked(tmp_path / "other")
        finally:
            os.killpg(driver.pid, signal.SIGKILL) if forks or driver.poll() is None else None
            driver.wait()

    def test_a_fork_of_the_driver_may_end_as_it_likes(self, executor: ProcessExecutor) -> None:
        executor.submit(tasks.identity, 1).get()
        child = os.fork()
        if child == 0:
            try:
                executor.close()
                gc.collect()
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert executor.submit(tasks.identity, 2).get() == 2

    def test_closing_is_heard_of_at_once(self, executor: ProcessExecutor, tmp_path: Path) -> None:
        futures = [executor.submit(tasks.touch_and_wait, tmp_path / "started", tmp_path / "never", 1) for _ in range(3)]
        tasks.wait_for_file(tmp_path / "started")
        workers = workers_of()
        executor.close()
        assert all(future.ready() for future in futures)
        assert not any(worker.is_running() for worker in workers)
        assert "orion-pool" not in [thread.name for thread in threading.enumerate()]


def _run(script: str) -> list[str]:
    """Run a script in an interpreter of its own; return the words that it printed."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _sockets() -> list[str]:
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:  # that of the listing itself
            continue
    standard = [os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)]
    return [link for link in links if link.startswith("socket:") and link not in standard]


def _write_into_sockets() -> None:
    for fd in range(3, 64):
        try:
            if os.readlink(f"/proc/self/fd/{fd}").startswith("socket:"):
                os.write(fd, b"printed into a descriptor of the worker's")
        except OSError:
            continue


def _suspend() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _submit_and_suspend(executor: ProcessExecutor, stopped: Path) -> None:
    for _ in range(4):
        executor.submit(bytes, 4_000_000)
    stopped.touch()
    os.kill(os.getpid(), signal.SIGSTOP)


def _leave_timer_behind() -> None:
    def handler(*_: object) -> None:
        raise KeyboardInterrupt("left behind")

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)


_array = numpy.zeros(50_000)


def _refill(number: int) -> Any:
    _array[:] = number
    return _array


def _add_one_in_place(array: Any) -> Any:
    array += 1
    return array


def _initialize(value: str) -> None:
    os.environ["ORION_INITIALIZED"] = value


def _surroundings() -> tuple[str, str, str, bool]:
    found = [os.environ[name] for name in ("ORION_INITIALIZED", "ORION_GIVEN", "CUDA_VISIBLE_DEVICES")]
    return found[0], found[1], found[2], "colorsys" in sys.modules


def _allow_memory(more: int) -> None:
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + more, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _clean_up_when_asked(started: Path, cleaned: Path) -> None:
    def handler(*_: object) -> None:
        cleaned.touch()
        raise SystemExit

    signal.signal(signal.SIGTERM, handler)
    started.touch()
    time.sleep(PATIENCE)
