"""The one thread in the driver that hears workers and template, and watches time limits.

It is never the main thread, since a signal's exception could lose what was just read.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from orion.executor._core.outcome import Failure, described
from orion.executor._process.base_pool import Later, settle_all
from orion.executor._process.hearing import Hearing
from orion.executor._process.limits import Limits
from orion.executor._process.verdicts import how_it_ended
from orion.executor._process.wire import FrameReader
from orion.executor.errors import WorkerLost, WorkersUnfit

if TYPE_CHECKING:
    from orion.executor._process.pool import Pool

__all__ = ["Pump"]

_SECONDS_TO_DIE = 2.0
_MAX_EARLY_ENDS = 3


class Pump:
    """Hears what happens, takes it to the ledger under the pool's lock, then settles futures without it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._thread = threading.Thread(target=self._run, name="orion-pool", daemon=True)
        self._finished = False
        self._frames = FrameReader(pool.channels.result_read)
        self._early_ends = 0
        self._limits = Limits(pool)
        self._hearing = Hearing(pool)
        for fd in (pool.channels.result_read, pool.template.control.fileno(), pool.wake):
            pool.poll.register(fd, select.POLLIN)

    def start(self) -> None:
        self._thread.start()

    def finish(self, *, join: bool) -> None:
        """End the thread, which then gives back what the pool holds."""
        self._finished = True
        with self._pool.lock:
            self._pool.wake_up()
        if join and threading.get_ident() != self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._finished:
                self._turn()
        except BaseException as error:
            self._pool.give_up(
                WorkerLost(
                    f"the process pool failed, and all its tasks with it: {described(error)}. "
                    "Likely cause: a task wrote into descriptors that it had not opened"
                ),
                error,
            )
            raise
        finally:
            self._pool.give_back()

    def _turn(self) -> None:
        pool = self._pool
        with pool.lock:
            resting = pool.ledger.rest(time.monotonic())
            if resting:
                pool.retire_all()
            deadline = self._limits.next_check()
        pause = None if deadline is None else max(0, math.ceil((deadline - time.monotonic()) * 1000))
        for fd, _ in pool.poll.poll(pause):
            if fd == pool.channels.result_read:
                self._hear()
            elif fd == pool.wake:
                os.eventfd_read(pool.wake)
            elif fd == pool.template.control.fileno():
                self._template_ended()
            else:
                with pool.lock:
                    pool.links.flush(fd)
        if deadline is not None and deadline <= time.monotonic():
            with pool.lock:
                self._limits.enforce()

    def _hear(self) -> None:
        """Read what workers and template have written."""
        frames = self._frames.read()
        later = Later()
        with self._pool.lock:
            if self._frames.records:
                if self._pool.recorder is not None:
                    self._pool.recorder.told += self._frames.records
                self._frames.records.clear()
            self._hearing.hear_all(frames, later)
            failed = self._pool.feed()
        later.carry_out()
        settle_all(failed)

    def _template_ended(self) -> None:
        """Start another template, unless the pool is being closed; what its workers ran is lost."""
        pool = self._pool
        pool.poll.unregister(pool.template.control.fileno())
        if pool.closing:
            return
        exitcode = pool.template.end(_SECONDS_TO_DIE)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._hear()  # what its workers had reported before
        self._lose_workers()
        self._early_ends = 0 if pool.template.has_forked else self._early_ends + 1
        if self._early_ends >= _MAX_EARLY_ENDS:
            pool.give_up(
                WorkersUnfit(
                    "no worker can be made ready: the process from which they are forked ends before it has forked "
                    f"any, perhaps in a module of preload; the last one {how_it_ended(exitcode)}"
                )
            )
            return
        with pool.lock:
            if pool.closing:
                return
            pool.template.control.close()
            pool.template = pool.new_template()
            pool.poll.register(pool.template.control.fileno(), select.POLLIN)
            failed = pool.feed()
        settle_all(failed)

    def _lose_workers(self) -> None:
        """Take all workers off the books, and fail what they ran."""
        pool = self._pool
        later = Later()
        with pool.lock:
            pool.take_back_all()
            for worker in list(pool.ledger.workers.values()):
                for child in worker.children.values():
                    later.append(partial(child._executor.cancel, child))
                pool.ledger.died(worker.number, had_work=True)
                pool.pieces.pop(worker.number, None)
                worker.lost_task = pool.channels.slots.running(worker.slot)
                pool.channels.slots.clear(worker.slot)
                pool.links.close(worker.number)
            for future in pool.ledger.lose_sent():
                failure = Failure(WorkerLost.died(f"task {future.name!r}"))
                later.settle(future, failure)
        later.carry_out()
