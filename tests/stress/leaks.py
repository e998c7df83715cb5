"""What a session must not leave behind, in the pool's books and in this process."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from pathlib import Path

from orion.executor._process.base_pool import BasePool
from orion.executor.process_backend import ProcessExecutor

__all__ = ["allocated_bytes", "books_not_closed", "maps_left"]

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


class _Mallinfo(ctypes.Structure):
    """``struct mallinfo2`` of mallinfo(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def allocated_bytes() -> int:
    """Return how much memory this process has allocated and not given back.

    Not its resident memory: the allocators keep pages in which little is left, and so much depends on chance. Python's
    small blocks are only counted, and taken for 64 bytes each.
    """
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _Mallinfo
    info = mallinfo()
    return int(info.uordblks + info.hblkhd + 64 * sys.getallocatedblocks())
