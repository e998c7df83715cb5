"""What a session must not leave behind, in the pool's books and in this process."""

from __future__ import annotations

import ctypes
import gc
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

from orion.executor._process.base_pool import BasePool
from orion.executor.process_backend import ProcessExecutor

__all__ = ["books_not_closed", "maps_left", "resident_bytes"]

_PATIENCE = 30.0


def books_not_closed(executor: ProcessExecutor) -> list[str]:
    """Return what the ledger still holds, in words, when all tasks have ended."""
    deadline = time.monotonic() + _PATIENCE
    while executor._tracker.unfinished() or _entries(executor._pool):
        if time.monotonic() > deadline:
            left = [f"unfinished: {executor._tracker.unfinished()[:5]}", *_entries(executor._pool)]
            return [f"all tasks have ended, and the books are not closed: {'; '.join(left)}"]
        time.sleep(0.005)
    return []


def _entries(pool: BasePool) -> list[str]:
    with pool.lock:
        ledger = pool.ledger
        books = {
            "sent": ledger.sent,
            "calls": ledger._calls,
            "queue": ledger._queue,
            "verdicts": ledger.verdicts,
            "memory_limited": ledger.memory_limited,
            "blocked": range(ledger.n_blocked),
            "children": [worker.number for worker in ledger.workers.values() if worker.children],
        }
        return [f"{name}: {list(book)[:5]}" for name, book in books.items() if book]


def maps_left() -> list[str]:
    """Return the pool's memory that this process has still mapped, when nothing uses it."""
    gc.collect()
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "memfd:orion" in line]


def resident_bytes() -> int:
    """Return this process's resident memory, without what the allocator keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(psutil.Process().memory_info().rss)
