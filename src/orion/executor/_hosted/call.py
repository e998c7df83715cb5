"""Runs one call in a worker that waits for it."""

from __future__ import annotations

import os
import threading
from typing import Any

from orion.executor._core.cpus import available_cpus
from orion.executor._hosted.seat import Seat, failed
from orion.executor._hosted.ticket import Ticket
from orion.executor._process.setup import thread_limits

__all__ = ["run"]

_of_thread = threading.local()


def run(call: bytes, ticket: tuple[Any, ...], n_workers: int) -> bytes:
    """Run a call in a process of its own; return how it ended, for ``foreign.outcome_of``.

    ``n_workers`` is how many workers may share this host's CPUs. Each thread of the worker keeps its processes for its
    next call.
    """
    seat: Seat | None = getattr(_of_thread, "seat", None)
    if seat is None:
        seat = _of_thread.seat = Seat(1, env=thread_limits(n_workers, available_cpus(), os.environ))
    ended: list[bytes] = []
    is_done = threading.Event()

    def when_done(data: bytes) -> None:
        ended.append(data)
        is_done.set()

    try:
        future = seat.start(call, Ticket(*ticket), when_done)
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this call only
        return failed(error)
    try:
        is_done.wait()
        seat.drain()  # the pool may end this worker as soon as the call has returned
    except BaseException:  # the worker is being interrupted
        seat.stop(future)
        raise
    return ended[0]
