"""Tasks that the conformance suite submits: well-behaved ones, synchronised through files.

Files in a shared folder work between threads, processes and machines alike. Every wait in here is bounded,
and ends when the folder is removed, so that a task outlives no test by much on engines that cannot stop it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orion.executor import current_task
from orion.executor.errors import NotSerializable
from orion.executor.testing import locks

if TYPE_CHECKING:
    from orion.executor.base import AsyncException, AsyncResult, BaseExecutor, Future

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a task gives up waiting; longer than any working engine takes."""


def identity(value: T) -> T:
    """Return ``value``."""
    return value


def collect(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments as they arrived."""
    return args, kwargs


def listen_to(host: str, port: int) -> bytes:
    """Return what comes from there, until its end."""
    with socket.create_connection((host, port), PATIENCE) as link, link.makefile("rb") as stream:
        return stream.read()


def wait_for_file(path: Path, patience: float = PATIENCE) -> None:
    """Return once ``path`` exists."""
    deadline = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() > deadline or not path.parent.exists():
            raise AssertionError(f"nobody made {path.name} within {patience} s")
        time.sleep(0.005)


def touch_and_wait(started: Path, release: Path, value: T, patience: float = PATIENCE) -> T:
    """Make the file ``started``, wait for the file ``release``, return ``value``."""
    started.touch()
    wait_for_file(release, patience)
    return value


def myself(*_: object) -> tuple[str, int]:
    """Return what the task is called and which attempt it is."""
    task = current_task()
    assert task is not None, "a task does not know that it is one"
    return task.name, task.attempt


def names_above_and_below(executor: BaseExecutor) -> tuple[str, str, str]:
    """Return the task's name, that of a task that it submits, and its own again."""
    above, _ = myself()
    below, _ = executor.options(name="below").submit(myself).get()
    return above, below, myself()[0]


def touch_and_wait_and_say(started: Path, release: Path) -> tuple[str, int]:
    """Like :func:`touch_and_wait`; return what the task is called and which attempt it is."""
    started.touch()
    wait_for_file(release)
    return myself()


def wait_and_say_gpus(started: Path, release: Path) -> str:
    """Like :func:`touch_and_wait`; return which GPUs the task sees."""
    return touch_and_wait(started, release, os.environ.get("CUDA_VISIBLE_DEVICES", "all"))


def record(folder: Path, label: str, value: Any = None) -> Any:
    """Leave a mark that this ran (see :func:`recorded`); return ``value``."""
    (folder / f"{label}.{uuid.uuid4().hex}").touch()
    return value


def recorded(folder: Path, label: str) -> int:
    """Return how often :func:`record` ran with ``label``."""
    return sum(1 for _ in folder.glob(f"{label}.*"))


def record_and_raise(folder: Path, label: str, succeed_at: int) -> int:
    """Raise ``ValueError`` until this is run for the ``succeed_at``-th time; then return that number."""
    record(folder, label)
    runs = recorded(folder, label)
    if runs < succeed_at:
        raise ValueError(f"run {runs}")
    return runs


def record_or_raise(folder: Path, number: int, bad: int) -> int:
    """Leave the mark ``number`` and return it, unless it is ``bad``: then raise ``ValueError``."""
    if number == bad:
        raise ValueError(f"this is {number}")
    record(folder, str(number))
    return number


def hold_lock(lock: Path, started: Path) -> None:
    """Lock the file ``lock``, make the file ``started``, and hang; the lock goes when this process does."""
    deadline = time.monotonic() + PATIENCE
    with lock.open("w") as file:
        locks.lock(file)
        started.touch()
        while time.monotonic() < deadline and lock.exists():
            time.sleep(0.05)


def hold_lock_against_all(lock: Path, started: Path) -> None:
    """Like :func:`hold_lock`, ignoring the signals and swallowing the exceptions that might stop it."""
    import signal

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            signal.signal(number, signal.SIG_IGN)
        except ValueError:  # not the main thread, which is for the engine to decide
            break
    deadline = time.monotonic() + PATIENCE
    with lock.open("w") as file:
        locks.lock(file)
        started.touch()
        while time.monotonic() < deadline and lock.exists():
            with contextlib.suppress(BaseException):
                time.sleep(0.01)


def spawn_child_and_hang(lock: Path, started: Path, own_session: bool, die: bool = False, resist: bool = False) -> None:
    """Start a process that holds the lock (``resist``: against all); then hang, or die by ``SIGKILL``."""
    import signal
    import subprocess

    hold = (hold_lock_against_all if resist else hold_lock).__name__
    code = f"import sys, pathlib; from {__name__} import {hold}; {hold}(*map(pathlib.Path, sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(lock), str(started)], env=environment, start_new_session=own_session
    )
    wait_for_file(started)
    if die:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait(PATIENCE)


def spawn_polite_child(started: Path, asked: Path) -> None:
    """Start a process that makes the file ``asked`` some time after it was asked to end; and hang."""
    import subprocess

    code = (
        "import pathlib, signal, sys, time\n"
        "def end(*_): time.sleep(0.2); pathlib.Path(sys.argv[2]).touch(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "pathlib.Path(sys.argv[1]).touch()\n"
        f"time.sleep({PATIENCE})\n"
    )
    subprocess.Popen([sys.executable, "-S", "-c", code, str(started), str(asked)]).wait(PATIENCE)


def is_locked(lock: Path) -> bool:
    """Return whether some process holds the lock on ``lock``."""
    with lock.open("r+") as file:
        return not locks.try_to_lock(file)


def wait_for_lock(lock: Path, started: Path) -> None:
    """Make the file ``started`` and block, without using the CPU, until ``lock`` is free."""
    with lock.open("r+") as file:
        started.touch()
        locks.lock(file)


def count_running(folder: Path) -> int:
    """Return how many runs of this function there are at this moment, by their marks in ``folder``."""
    mark = folder / uuid.uuid4().hex
    mark.touch()
    time.sleep(0.02)
    try:
        return sum(1 for _ in folder.iterdir())
    finally:
        mark.unlink()


def use_memory(gigabytes: float, started: Path) -> None:
    """Use so much memory, make the file ``started``, and hang."""
    block = bytearray(b"x") * int(gigabytes * 1e9)
    touch_and_wait(started, started.with_name("never"), block)


def change(items: list[Any]) -> list[Any]:
    """Append to the argument and return it."""
    items.append("changed by the task")
    return items


def print_much(size: int) -> int:
    """Write ``size`` characters to the standard output and to the standard error."""
    for stream in (sys.stdout, sys.stderr):
        print("x" * size, file=stream, flush=True)
    return size


def print_lines(number: int, count: int) -> int:
    """Print so many lines, to the standard output and to the standard error in turn; return ``number``."""
    for place in range(count):
        print(f"{number}: out {place}")
        print(f"{number}: err {place}", file=sys.stderr)
    return number


def print_and_wait(text: str, release: Path) -> None:
    """Print ``text``, wait for the file ``release``, and print the rest of the line."""
    print(text, end="")
    wait_for_file(release)
    print(", done")


def print_and_raise(text: str) -> None:
    """Print ``text`` and raise ``ValueError``."""
    print(text)
    raise ValueError("after that")


def print_and_raise_until(folder: Path, succeed_at: int) -> int:
    """Print which run this is, and raise ``ValueError`` unless it is that one."""
    print(f"run {recorded(folder, 'run') + 1}")
    return record_and_raise(folder, "run", succeed_at)


def print_and_die(text: str) -> None:
    """Print ``text``, without ending the line, and kill this process."""
    import signal

    print(text, end="")
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def print_by_a_process(text: str) -> None:
    """Print a line, have another process print ``text``, and print another line."""
    import subprocess

    print("before")
    subprocess.run([sys.executable, "-S", "-c", f"print({text!r})"], check=True)
    print("after")


def log_records(logger: str) -> None:
    """Log below, at and above the level ``INFO``, the last with an exception."""
    import logging

    log = logging.getLogger(logger)
    log.debug("nobody asked for this")
    log.info("a note on %d", 7)
    try:
        raise ValueError("of the log")
    except ValueError:
        log.exception("it failed")


def nested_sum(executor: BaseExecutor, depth: int, width: int) -> int:
    """Return ``width ** depth``, by a tree of tasks each of which waits for its children with ``wait``."""
    if depth == 0:
        return 1
    return sum(executor.wait([executor.submit(nested_sum, executor, depth - 1, width) for _ in range(width)]))


def nested_get(executor: BaseExecutor, depth: int) -> int:
    """Return ``depth``, by a chain of tasks each of which gets the result of the next."""
    if depth == 0:
        return 0
    return 1 + executor.submit(nested_get, executor, depth - 1).get()


def nested_async_get(executor: BaseExecutor, width: int) -> list[int]:
    """Return the numbers below ``width``, each from a task of its own, in the order of completion."""
    pending = [executor.submit(identity, number) for number in range(width)]
    return [done.value for done in drain(executor, pending)]


def nested_failure(executor: BaseExecutor) -> tuple[str, str]:
    """Return type and text of what a nested task's failure looks like to the task that waits for it."""
    pending = [executor.submit(fail_with, KeyError, "from below")]
    (done,) = drain(executor, pending)
    try:
        done.value  # noqa: B018 - reading it raises
    except KeyError as error:
        return type(error).__name__, str(error.args[0])
    return "nothing", ""


def nested_states(executor: BaseExecutor) -> tuple[bool, bool, str]:
    """Return what a task sees of a future that it waited for: ready, successful and its name."""
    future = executor.submit(identity, 1)
    future.wait()
    return future.ready(), future.successful(), future.name


def nested_unserialisable(executor: BaseExecutor, kind: type[Any]) -> str:
    """Submit what cannot be serialised, from within a task; return the name of the error."""
    try:
        executor.submit(identity, kind())
    except NotSerializable as error:
        return type(error).__name__
    return "nothing"


def submit_and_forget(executor: BaseExecutor, folder: Path, label: str) -> str:
    """Submit a task that nobody waits for."""
    executor.submit(record, folder, label)
    return "submitted"


def workers_seen(executor: BaseExecutor) -> int:
    """Return the executor's ``n_workers`` as a task sees it."""
    return executor.n_workers


def fail_with(kind: type[BaseException], *args: Any, **kwargs: Any) -> None:
    """Raise ``kind(*args, **kwargs)``."""
    raise kind(*args, **kwargs)


def take(executor: BaseExecutor, pending: list[Future[T]]) -> list[AsyncResult[T] | AsyncException[T]]:
    """Return what ``async_get`` returns when it may take its time: at least one, and so many fewer are pending."""
    before = len(pending)
    done = executor.async_get(pending)
    assert done, "async_get returned nothing, though it had no timeout and futures were pending"
    assert len(pending) == before - len(done), "async_get returned futures that it did not remove from the list"
    return done


def drain(executor: BaseExecutor, pending: list[Future[T]]) -> list[AsyncResult[T] | AsyncException[T]]:
    """Return everything that ``async_get`` returns until ``pending`` is empty."""
    done: list[AsyncResult[T] | AsyncException[T]] = []
    while pending:
        done += take(executor, pending)
    return done
