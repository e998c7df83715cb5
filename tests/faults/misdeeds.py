"""Tasks that misbehave. Workers import this module, so it imports little itself."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from orion.executor.testing.tasks import PATIENCE, wait_for_file


def no_core_file() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def read_null() -> None:
    """Crash in compiled code."""
    no_core_file()
    ctypes.string_at(0)


def overflow_stack() -> None:
    """Recurse in compiled code until the stack is used up."""
    no_core_file()
    sys.setrecursionlimit(10**9)
    nested: list[Any] = []
    for _ in range(300_000):
        nested = [nested]
    repr(nested)
    compare: Any = None
    for _ in range(300_000):
        compare = (compare,)
    hash(compare)


def abort() -> NoReturn:
    no_core_file()
    os.abort()


def die_by(number: int) -> None:
    no_core_file()
    os.kill(os.getpid(), number)
    time.sleep(PATIENCE)


def die_with_group() -> None:
    """Kill whatever is in the own process group."""
    os.killpg(os.getpgid(0), signal.SIGKILL)


def exit_in_thread(code: int) -> None:
    threading.Thread(target=os._exit, args=(code,)).start()
    time.sleep(PATIENCE)


def raise_exit(code: int) -> NoReturn:
    raise SystemExit(code)


def close_all() -> str:
    os.closerange(0, 4096)
    return "closed"


def replace_descriptors() -> str:
    """Put another file into the place of every descriptor but the standard ones."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd != null:
            os.dup2(null, fd)
    return "replaced"


def close_streams() -> str:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()
    return "closed"


def drop_streams() -> str:
    sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]  # what a task may do
    return "dropped"


def close_standard_descriptors() -> str:
    for fd in (0, 1, 2):
        os.close(fd)
    return "closed"


def write_everywhere() -> str:
    """Write what is no message into every descriptor that the task has not opened."""
    for fd in range(3, 64):
        try:
            os.write(fd, b"x" * 64)
        except OSError:
            continue
    return "written"


def hello() -> str:
    print("hello")
    print("hello", file=sys.stderr)
    return "hello"


def fork_and_return() -> str:
    return "child" if os.fork() == 0 else "parent"


def fork_and_stay(lock: Path, started: Path) -> str:
    """Leave a forked child behind that goes on when the task has returned."""
    from orion.executor.testing.tasks import hold_lock

    if os.fork() == 0:
        hold_lock(lock, started)
        os._exit(0)
    wait_for_file(started)
    return "returned"


def leave_process(lock: Path, started: Path, own_session: bool) -> int:
    """Leave a process behind, and return."""
    code = (
        "import sys, pathlib\n"
        "from orion.executor.testing.tasks import hold_lock\n"
        "hold_lock(*map(pathlib.Path, sys.argv[1:]))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(lock), str(started)], env=with_path(), start_new_session=own_session
    )
    wait_for_file(started)
    child.returncode = 0  # so that it is not missed when it is collected
    return child.pid


def fork_twice(lock: Path, started: Path) -> None:
    """Start a daemon in the way of the old school: its parent has ended, its session is its own; then hang."""
    from orion.executor.testing.tasks import hold_lock

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            hold_lock(lock, started)
        os._exit(0)
    os.wait()
    time.sleep(PATIENCE)


def fork_twice_and_return(lock: Path, started: Path) -> str:
    from orion.executor.testing.tasks import hold_lock

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            hold_lock(lock, started)
        os._exit(0)
    os.wait()
    wait_for_file(started)
    return "returned"


def with_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def leave_thread(release: Path, daemon: bool) -> str:
    threading.Thread(target=wait_for_file, args=(release,), daemon=daemon).start()
    return "returned"


def count_threads() -> int:
    return threading.active_count()


def replace_handlers() -> str:
    """Leave handlers behind that would do harm to the next task."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, lambda *_: os._exit(9))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    return "replaced"


def signals() -> tuple[Any, ...]:
    """Return how the process answers to signals."""
    numbers = (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP, signal.SIGALRM)
    timer = signal.getitimer(signal.ITIMER_REAL)
    return (*map(signal.getsignal, numbers), frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ())), timer)


def change_surroundings(folder: Path) -> str:
    os.chdir(folder)
    os.umask(0o077)
    os.environ["ORION_LEFT_BEHIND"] = "yes"
    del os.environ["PATH"]
    return "changed"


def surroundings() -> tuple[str, int, dict[str, str]]:
    mask = os.umask(0)
    os.umask(mask)
    return os.getcwd(), mask, dict(os.environ)


def lower_limits() -> str:
    for limit, value in ((resource.RLIMIT_NOFILE, 40), (resource.RLIMIT_FSIZE, 1000)):
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))
    return "lowered"


def limits() -> tuple[Any, ...]:
    return tuple(resource.getrlimit(limit) for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE))


def kill_parent() -> None:
    """Kill the process that has started this one."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(PATIENCE)


def use_address_space(gigabytes: float) -> str:
    """Use up the memory that this process may use at all."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(gigabytes * 1e9), resource.getrlimit(resource.RLIMIT_AS)[1]))
    kept = []
    while True:
        kept.append(bytearray(10**7))


def print_lines(number: int, then_die: bool) -> None:
    for line in range(number):
        print(f"line {line}")
    if then_die:
        os._exit(3)
    time.sleep(PATIENCE)


def use_and_die(gigabytes: float, seconds: float) -> None:
    """Use memory and time, and die."""
    block = bytearray(b"x") * int(gigabytes * 1e9)
    time.sleep(seconds)
    os._exit(len(block) % 1 + 3)


def pool_of_processes(number: int) -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, range(-number, 0))


def one_process(method: str, daemon: bool) -> int:
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=queue.put, args=(7,), daemon=daemon)
    process.start()
    value = queue.get()
    process.join()
    return int(value)


def output_of_process() -> str:
    return subprocess.run(["echo", "from below"], capture_output=True, text=True, check=True).stdout


def forget_child(seconds: float) -> str:
    """Start a multiprocessing child, daemonic, and do not join it."""
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(seconds,), daemon=True).start()
    return "returned"


def suspend(pid: Path) -> str:
    """Stop the own process; somebody has to let it go on."""
    text = pid.with_suffix(".part")
    text.write_text(str(os.getpid()))
    text.rename(pid)
    os.kill(os.getpid(), signal.SIGSTOP)
    return "went on"
