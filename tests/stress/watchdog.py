"""Ends a stress run in which nothing happens any more, and says what everything was doing."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it ships no types

from orion.executor.process_backend import ProcessExecutor
from tests.stress.tally import Tally

__all__ = ["Watchdog"]

_SECONDS_WITHOUT_AN_END = 120.0


class Watchdog:
    """Watches that tasks end, from a thread of its own."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._executor: ProcessExecutor | None = None
        self._session = 0
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def watch(self, executor: ProcessExecutor) -> None:
        """Watch another executor from now on."""
        self._executor = executor
        self._session += 1

    def _run(self) -> None:
        seen: tuple[int, int] = (0, 0)
        since = time.monotonic()
        while True:
            time.sleep(1)
            now = (self._session, self._tally.n_ended)
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > _SECONDS_WITHOUT_AN_END:
                self._dump()
                os._exit(3)

    def _dump(self) -> None:
        print(f"HANG: no task has ended for {_SECONDS_WITHOUT_AN_END} s\n{self._tally}\n", flush=True)
        faulthandler.dump_traceback(sys.stdout)
        if self._executor is not None:
            _dump_pool(self._executor._pool)
            print("unfinished:", self._executor._tracker.unfinished()[:20])
        for process in psutil.Process().children(recursive=True):
            _dump_process(process)
        sys.stdout.flush()


def _dump_pool(pool: Any) -> None:
    print("lock held:", pool.lock.locked(), "closing:", pool.closing)
    for name, value in vars(pool.ledger).items():
        print(f"ledger.{name}: {str(value)[:1000]}")
    for worker in pool.ledger.workers.values():
        print(worker, "running task", pool.channels.slots.running(worker.slot) if hasattr(pool, "channels") else "?")


def _dump_process(process: psutil.Process) -> None:
    folder = Path("/proc") / str(process.pid)
    facts = [
        f"process {process.pid}, child of {process.ppid()}, {process.status()}: {' '.join(process.cmdline())[:200]}"
    ]
    for name in ("wchan", "stack", "syscall"):
        try:
            facts.append(f"  {name}: {(folder / name).read_text().strip()}")
        except OSError:
            continue
    print("\n".join(facts))
