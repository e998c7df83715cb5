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


def join_group(folder: Path) -> None:
    """Join a memory cgroup."""
    (folder / "cgroup.procs").write_text(str(os.getpid()))


def fork_twice_and_use_memory(lock: Path, started: Path, gigabytes: float) -> None:
    from orion.executor.testing.tasks import hold_lock

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            started.touch()
            block = bytearray(b"x") * int(gigabytes * 1e9)
            hold_lock(lock, started)
            del block
        os._exit(0)
    os.wait()
    time.sleep(PATIENCE)


def children_use_memory(number: int, gigabytes: float) -> None:
    """Start children that use so much memory each."""
    for _ in range(number):
        if os.fork() == 0:
            block = bytearray(b"x") * int(gigabytes * 1e9)
            time.sleep(PATIENCE)
            os._exit(len(block) % 1)
    time.sleep(PATIENCE)


def children_share_memory(number: int, gigabytes: float) -> int:
    """Start children that share so much memory of their parent's for a while."""
    block = bytearray(b"x") * int(gigabytes * 1e9)
    children = []
    for _ in range(number):
        child = os.fork()
        if child == 0:
            time.sleep(0.5)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return len(children) + len(block) % 1


def tidy_up_when_asked(tidied: Path, started: Path | None = None) -> None:
    def handler(*_: object) -> None:
        tidied.touch()
        raise SystemExit

    signal.signal(signal.SIGTERM, handler)
    if started is not None:
        started.touch()
    time.sleep(PATIENCE)


def hold_the_gil(started: Path | None = None) -> None:
    """Run compiled code that does not release the GIL."""
    if started is not None:
        started.touch()
    ctypes.PyDLL(None).sleep(int(PATIENCE))


def die_until(folder: Path, run: int) -> int:
    """Die until this is run for so many times."""
    from orion.executor.testing.tasks import record, recorded

    record(folder, "run")
    if recorded(folder, "run") < run:
        os._exit(1)
    return recorded(folder, "run")


def hang_once(folder: Path) -> int:
    from orion.executor.testing.tasks import record, recorded

    record(folder, "run")
    if recorded(folder, "run") == 1:
        time.sleep(PATIENCE)
    return recorded(folder, "run")


def as_if_in_script(source: str, name: str) -> Any:
    """Return a function as a script, whose module is ``__main__``, would have it."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace[name]


def sum_with_data_loader(number: int, n_workers: int) -> int:
    import torch
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(range(number), batch_size=10, num_workers=n_workers)  # type: ignore[arg-type]  # a sequence
    return int(sum(torch.sum(batch) for batch in loader))


def wait_for_nested(executor: Any, lock: Path, started: Path) -> None:
    """Wait for a task of its own that hangs."""
    from orion.executor.testing.tasks import hold_lock

    executor.submit(hold_lock, lock, started).get()


def survive_child(executor: Any) -> tuple[str, int]:
    child = executor.submit(os._exit, 1)
    child.wait()
    try:
        child.get()
    except Exception as error:
        return type(error).__name__, executor.submit(int, "5").get()
    return "nothing", 0


def die_with_nested(executor: Any, lock: Path, started: Path) -> None:
    from orion.executor.testing.tasks import hold_lock

    executor.submit(hold_lock, lock, started)
    threading.Thread(target=lambda: (wait_for_file(started), os._exit(1))).start()
    executor.submit(time.sleep, PATIENCE).get()


def limit_child(executor: Any) -> str:
    try:
        executor.options(timeout=0.3).submit(time.sleep, PATIENCE).get()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def cancel_child(executor: Any) -> tuple[bool, str]:
    child = executor.submit(time.sleep, PATIENCE)
    cancelled = child.cancel()
    try:
        child.get()
    except Exception as error:
        return cancelled, type(error).__name__
    return cancelled, "nothing"


def nested_arrays(executor: Any, number: int, size: int) -> int:
    import numpy

    ones = numpy.ones(size)
    results = executor.wait([executor.submit(numpy.multiply, ones, 1.0) for _ in range(number)])
    return int(sum(result.sum() for result in results))


def nested_in_threads(executor: Any, number: int) -> list[int]:
    found = [0] * number

    def run(index: int) -> None:
        found[index] = executor.submit(int, str(index)).get()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


class CrashesElsewhere:
    """Crashes the process that loads it, unless that is the one that made it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _crash_unless, (os.getpid(),)


class CrashesAtDump:
    def __reduce__(self) -> NoReturn:
        read_null()
        raise AssertionError("still alive")


class HangsElsewhere:
    """Hangs the process that loads it, unless that is the one that made it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _sleep_unless, (os.getpid(),)


class HangsAtDump:
    def __reduce__(self) -> NoReturn:
        time.sleep(PATIENCE)
        raise AssertionError("nobody has ended this")


def _crash_unless(pid: int) -> None:
    if os.getpid() != pid:
        read_null()


def _sleep_unless(pid: int) -> None:
    if os.getpid() != pid:
        time.sleep(PATIENCE)


def memory_file_at(address: int) -> bool:
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, _, end = line.split(maxsplit=1)[0].partition("-")
        if int(start, 16) <= address < int(end, 16):
            return "/memfd:orion-segment" in line
    return False


def is_in_memory_file(array: Any) -> bool:
    return memory_file_at(array.ctypes.data)


def anonymous_bytes() -> int:
    """Return how much memory this process has that is of no file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("/proc/self/status has no RssAnon")


def ones(size: int) -> Any:
    import numpy

    return numpy.ones(size)


def fill(array: Any, value: float) -> float:
    array[:] = value
    return float(array.sum())


def total(array: Any) -> float:
    return sum(array) if isinstance(array, list) else float(array.sum())


def twice(array: Any) -> Any:
    return array * 2


def double_tensor(tensor: Any) -> Any:
    return tensor * 2


def die_with(array: Any) -> None:
    array[:] = 0
    os._exit(1)


def die_after_array(size: int, array: Any) -> Any:
    """Die when the result is pickled, in which there is an array."""
    from orion.executor.testing.faults import DeadlyToDump

    return [ones(size), array, DeadlyToDump(1)]


def maps_after(array: Any) -> int:
    """Return how many maps of segments this process has."""
    return sum("/memfd:orion-segment" in line for line in Path("/proc/self/maps").read_text().splitlines())


def leave_descriptors(number: int) -> None:
    """Let this process open so many more descriptors."""
    highest = max(map(int, os.listdir("/proc/self/fd")))
    opened = os.open(os.devnull, os.O_RDONLY)
    while opened < highest:
        opened = os.dup(opened)
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 1 + number, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def leave_address_space(number: int) -> None:
    """Let this process use so many more bytes."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + number, resource.getrlimit(resource.RLIMIT_AS)[1]))


def limit_worker(limit: str) -> None:
    if limit == "RLIMIT_FSIZE":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    else:
        leave_descriptors(1)


def note_process(folder: Path) -> None:
    (folder / str(os.getpid())).touch(exist_ok=False)


def pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def who_loaded() -> tuple[int, int]:
    from tests.faults import loaded

    return loaded.PID, os.getpid()


def device() -> str:
    return os.environ["CUDA_VISIBLE_DEVICES"]


def device_when_released(started: Path, release: Path) -> str:
    started.touch()
    wait_for_file(release)
    return device()


_grown: list[bytearray] = []


def grow(gigabytes: float) -> int:
    """Keep memory, as what leaks does."""
    _grown.append(bytearray(b"x") * int(gigabytes * 1e9))
    return os.getpid()


def threads_named(name: str) -> list[int]:
    return [thread.native_id for thread in threading.enumerate() if thread.name == name and thread.native_id]


def switches_within(statuses: list[str], seconds: float) -> int:
    """Return how often those threads are scheduled in that time."""

    def count() -> int:
        lines = [line for path in statuses for line in Path(path).read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if "voluntary_ctxt_switches" in line)

    before = count()
    time.sleep(seconds)
    return count() - before


def random_number(module: str) -> float:
    if module == "torch":
        import torch

        return float(torch.rand(1))
    if module == "random":
        import random

        return random.random()
    import numpy

    return float(numpy.random.random())


_has_interrupted: list[int] = []


class InterruptsItsLoading:
    """Has the user press Ctrl-C in a process, once, while it is loaded there."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def __reduce__(self) -> tuple[object, ...]:
        return interrupt_once, (self.pid,)


def interrupt_once(pid: int) -> str:
    if os.getpid() == pid and not _has_interrupted:
        _has_interrupted.append(pid)
        os.kill(pid, signal.SIGINT)
    return "loaded"
