"""Kinds of tasks that end their worker, or have to be stopped."""

from __future__ import annotations

import random
import signal
import uuid
from pathlib import Path

from orion.executor.errors import OutOfMemory, TaskTimeout, WorkerLost
from orion.executor.testing import faults, tasks
from tests.stress import work
from tests.stress.case import Case, Check, Ending, Kind, equals, stopped

__all__ = ["KINDS"]

_SIGNALS = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM, signal.SIGBUS, signal.SIGILL, signal.SIGFPE]


def _exits(rng: random.Random, _: Path) -> Case:
    code = rng.randrange(256)
    if code == 70:  # by which a worker says that its descriptors are gone
        code = 71
    return Case(faults.exit_with, (code,), stopped(WorkerLost, exitcode=code, signal=None))


def _killed(rng: random.Random, _: Path) -> Case:
    number = rng.choice(_SIGNALS)
    return Case(faults.kill_self, (number,), stopped(WorkerLost, signal=number))


def _deadly_argument(rng: random.Random, _: Path) -> Case:
    return Case(tasks.identity, (faults.DeadlyToLoad(7),), stopped(WorkerLost, exitcode=7))


def _deadly_result(rng: random.Random, _: Path) -> Case:
    return Case(faults.make, (faults.DeadlyToDump, 8), stopped(WorkerLost, exitcode=8))


def _deadly_garbage(rng: random.Random, _: Path) -> Case:
    return Case(faults.make_and_drop, (faults.DeadlyToCollect, 9), stopped(WorkerLost, exitcode=9))


def _closes_descriptors(rng: random.Random, _: Path) -> Case:
    return Case(faults.close_descriptors, (), stopped(WorkerLost))


def _forks(rng: random.Random, _: Path) -> Case:
    return Case(faults.fork_and_return, (), equals("parent"))


def _closes_stdout(rng: random.Random, _: Path) -> Case:
    return Case(work.close_stdout, (), equals("closed"))


def _hangs(rng: random.Random, _: Path) -> Case:
    options = {"timeout": rng.choice([0.05, 0.2, 0.5])}
    if rng.random() < 0.4:
        options["grace"] = rng.choice([0.05, 0.3])
    how = rng.choice(["asleep", "spinning", "stopped", "deaf"])
    return Case(work.hang, (how,), stopped(TaskTimeout), options)


def _uses_memory(rng: random.Random, _: Path) -> Case:
    return Case(work.use_memory, (0.3,), stopped(OutOfMemory), {"memory_gb": 0.15, "timeout": 300.0})


def _retried(rng: random.Random, folder: Path) -> Case:
    deaths = rng.randrange(1, 4)
    return Case(
        work.die_at_first,
        (folder, uuid.UUID(int=rng.getrandbits(128)).hex, deaths),
        equals(deaths + 1),
        {"retries": deaths},
    )


def _has_child(rng: random.Random, folder: Path) -> Case:
    record = folder / f"child-{rng.getrandbits(64):x}"
    end = rng.choice(["kill", "hang", "wait"])
    args = (record, rng.random() < 0.5, end)
    if end == "wait":
        return Case(work.start_child, args, equals("wait"))
    if end == "hang":
        return Case(work.start_child, args, _and_child_is_gone(stopped(TaskTimeout), record), {"timeout": 1.0})
    return Case(work.start_child, args, _and_child_is_gone(stopped(WorkerLost, signal=signal.SIGKILL), record))


def _and_child_is_gone(check: Check, record: Path) -> Check:
    """Expect, too, that the child whose number is recorded has ended: a lost task's end is told only after that."""

    def both(ending: Ending) -> bool:
        return check(ending) and not (record.exists() and _is_sleeper(int(record.read_text())))

    return both


def _is_sleeper(pid: int) -> bool:
    try:
        return b"time.sleep(600)" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


KINDS = [
    Kind("exits", 4, _exits),
    Kind("killed by a signal", 4, _killed),
    Kind("argument that ends who loads it", 0.5, _deadly_argument),
    Kind("result that ends who pickles it", 0.5, _deadly_result),
    Kind("garbage that ends who collects it", 0.5, _deadly_garbage),
    Kind("closes all descriptors", 1, _closes_descriptors),
    Kind("forks and returns", 1, _forks),
    Kind("closes its standard output", 0.5, _closes_stdout),
    Kind("hangs, with a limit", 5, _hangs),
    Kind("uses too much memory", 0.3, _uses_memory),
    Kind("dies, and is retried", 1.5, _retried),
    Kind("starts a process", 1.5, _has_child),
]
