"""What the tasks of a stress run do, in the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from orion.executor.errors import WorkerLost
from orion.executor.testing import faults, tasks

if TYPE_CHECKING:
    from orion.executor.base import BaseExecutor

HANGS_SECONDS = 600.0


def spin(seconds: float) -> float:
    """Compute for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return seconds


def nap(seconds: float, value: Any) -> Any:
    time.sleep(seconds)
    return value


def hang(how: str) -> None:
    """Never end by itself."""
    if how == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    if how == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if how == "spinning":
        spin(HANGS_SECONDS)
    deadline = time.monotonic() + HANGS_SECONDS
    while time.monotonic() < deadline:
        try:
            time.sleep(1)
        except BaseException:
            if how != "deaf":
                raise


def start_child(record: Path, own_session: bool, end: str) -> str:
    """Start a process that lives long, record its number, and end in that way."""
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=own_session
    )
    partial = record.with_suffix(".partial")
    partial.write_text(str(child.pid))
    partial.rename(record)
    if end == "kill":
        faults.kill_self(signal.SIGKILL)
    elif end == "hang":
        hang("asleep")
    elif end == "wait":
        child.kill()
        child.wait()
    return end


def leave_thread() -> str:
    """Return, and leave a thread behind that goes on for a while."""
    threading.Thread(target=time.sleep, args=(0.5,), daemon=True).start()
    return "left a thread"


def close_stdout() -> str:
    sys.stdout.close()
    return "closed"


def print_nothing() -> str:
    """Use the standard streams; an earlier task of the same worker may have closed them."""
    for stream in (sys.stdout, sys.stderr):
        print(end="", file=stream, flush=True)
    return "printed"


def die_at_first(folder: Path, label: str, deaths: int) -> int:
    """Die the first ``deaths`` times that this runs; then return how often it ran."""
    tasks.record(folder, label)
    runs = tasks.recorded(folder, label)
    if runs <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return runs


def use_memory(gigabytes: float) -> int:
    """Use so much memory, and keep it for a while."""
    block = bytearray(b"x") * int(gigabytes * 1e9)
    time.sleep(HANGS_SECONDS)
    return len(block)


def pattern(seed: int, size: int) -> numpy.ndarray[Any, Any]:
    """Return an array of ``size`` bytes, none of whose values is likely to be right by chance."""
    numbers = numpy.arange(seed, seed + -(-size // 8), dtype=numpy.uint64)
    numbers *= numpy.uint64(0x9E3779B97F4A7C15)
    return numbers.view(numpy.uint8)[:size]


def check_and_answer(array: numpy.ndarray[Any, Any], seed: int, answer_seed: int, answer_size: int) -> Any:
    """Check the values of an array, write into it, and return another, with whether all was right."""
    right = bool(numpy.array_equal(array, pattern(seed, array.nbytes)))
    array[:] = 0  # what arrived is the task's own: nobody else may see this
    return right, pattern(answer_seed, answer_size)


def echo(array: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    return array


def array_and_death(array: numpy.ndarray[Any, Any], code: int) -> None:
    """Die with a large array in hand."""
    array[:] = 0
    os._exit(code)


def nested_deaths(executor: BaseExecutor, deaths: int, values: int) -> tuple[int, int]:
    """Submit tasks that die and tasks that do not; return how many of each ended as they should."""
    dying = [executor.submit(faults.exit_with, 3) for _ in range(deaths)]
    living = [executor.submit(tasks.identity, number) for number in range(values)]
    right = [future.get() for future in living] == list(range(values))
    lost = 0
    for future in dying:
        try:
            future.get()
        except WorkerLost as error:
            if error.exitcode != 3:  # somebody else has killed its worker
                raise
            lost += 1
    return lost, values if right else -1


def nested_array(executor: BaseExecutor, seed: int, size: int) -> bool:
    """Send an array on to a task of one's own, and compare what comes back."""
    back = executor.submit(echo, pattern(seed, size)).get()
    return bool(numpy.array_equal(back, pattern(seed, size)))


def parent_that_dies(executor: BaseExecutor, children: int) -> None:
    """Submit tasks that take long, and die."""
    for _ in range(children):
        executor.submit(time.sleep, 0.2)
    os._exit(4)
