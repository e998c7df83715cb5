"""What a test may leave behind: processes, threads, file descriptors, shared memory, maps of memory files."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

__all__ = ["Standing", "left_since", "mark_semaphores"]

_SHARED_MEMORY = Path("/dev/shm")
# Of loky, which some tests run beside ours in a process of its own; it tidies up when that ends.
_OF_PEERS = ("sem.loky-", "joblib_memmapping_folder_")
_SEMAPHORES = "sem.mp-"
_POLL_SECONDS = 0.005


@dataclass(frozen=True)
class Standing:
    """What there is at some moment. Each kind maps what identifies a thing to how it is called in a message."""

    processes: dict[object, str] = field(default_factory=dict)
    threads: dict[object, str] = field(default_factory=dict)
    descriptors: dict[object, str] = field(default_factory=dict)
    shared_memory: dict[object, str] = field(default_factory=dict)
    maps: dict[object, str] = field(default_factory=dict)

    @classmethod
    def now(cls, *, of_this_process_only: bool = False) -> Standing:
        """Return what there is now; shared memory is the machine's, and telling whose it is takes a while."""
        shared_memory = _shared_memory()
        if of_this_process_only and shared_memory:
            others = _shared_memory_of_others()
            shared_memory = {name: text for name, text in shared_memory.items() if name not in others}
        return cls(_processes(), _threads(), _descriptors(), shared_memory, _maps())

    def since(self, before: Standing, apart_from: Callable[[object, str], bool] | None = None) -> list[str]:
        """Return, in words, what is in this one and not in ``before``."""
        kinds = (
            (self.processes, before.processes),
            (self.threads, before.threads),
            (self.descriptors, before.descriptors),
            (self.shared_memory, before.shared_memory),
            (self.maps, before.maps),
        )
        return [
            now[key]
            for now, then in kinds
            for key in now.keys() - then.keys()
            if apart_from is None or not apart_from(key, now[key])
        ]


def mark_semaphores() -> None:
    """Have the semaphores of :mod:`multiprocessing` that this process and its children make be called after it.

    Those of others come and go, and those of a worker that was killed stay until its parent has ended.
    """
    multiprocessing.current_process()._config["semprefix"] = _own_prefix()  # type: ignore[attr-defined]  # private


def _own_prefix() -> str:
    return f"/{_SEMAPHORES.removeprefix('sem.')}{os.getpid()}"


def left_since(before: Standing, patience: float, apart_from: Callable[[object, str], bool] | None = None) -> list[str]:
    """Return, in words, what has come since ``before`` and is still there after ``patience`` seconds.

    ``apart_from`` tells what is none of it, by what identifies a thing and how it is called.

    Returns at once if there is nothing. Only else does it collect garbage, which takes longer than many a test, and
    wait for what is just ending: what has been killed and not yet reaped, a thread on its last lines.
    """
    if not Standing.now().since(before, apart_from):
        return []
    gc.collect()
    deadline = time.monotonic() + patience
    while (left := Standing.now(of_this_process_only=True).since(before, apart_from)) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return left


def _processes() -> dict[object, str]:
    children = psutil.Process().children(recursive=True)
    return {process: f"child process {process.pid} ({_describe(process)})" for process in children}


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.status()}: {' '.join(process.cmdline()) or process.name()}"
    except psutil.Error:
        return "ended"


def _threads() -> dict[object, str]:
    return {thread: f"{'daemon ' if thread.daemon else ''}thread {thread.name!r}" for thread in threading.enumerate()}


def _descriptors() -> dict[object, str]:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    found: dict[object, str] = {}
    for number in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{number}")
        except FileNotFoundError:  # the listing's own
            continue
        except OSError:  # no links here
            target = ""
        found[number, target] = f"file descriptor {number}{target and f' -> {target}'}"
    return found


def _shared_memory() -> dict[object, str]:
    if not _SHARED_MEMORY.is_dir():
        return {}
    own = f"sem.{_own_prefix()[1:]}-"
    names = [
        name
        for name in os.listdir(_SHARED_MEMORY)
        if not name.startswith(_OF_PEERS) and (name.startswith(own) or not name.startswith(_SEMAPHORES))
    ]
    return {name: f"{_SHARED_MEMORY / name}" for name in names}


def _shared_memory_of_others() -> set[str]:
    """Return the entries that processes use which are neither this one nor below it, such as tests beside this one."""
    found: set[str] = set()
    ours = {os.getpid(), *(process.pid for process in psutil.Process().children(recursive=True))}
    prefix = f"{_SHARED_MEMORY}/"
    for pid in psutil.pids():
        if pid in ours:
            continue
        try:
            process = psutil.Process(pid)
            paths = [*(part.path for part in process.memory_maps()), *(file.path for file in process.open_files())]
        except (psutil.Error, OSError):
            continue
        found.update(path.removeprefix(prefix) for path in paths if path.startswith(prefix))
    return found


def _maps() -> dict[object, str]:
    """Return the maps of files that are in memory only, which live on without a name or a descriptor."""
    found: dict[object, str] = {}
    try:
        with open("/proc/self/maps") as file:
            lines = [line.split(maxsplit=5) for line in file if "/memfd:" in line]
    except OSError:  # no such file here
        return found
    for addresses, _, _, _, inode, name in lines:
        found[inode, name] = f"map {addresses} of {name.strip()}"
    return found
