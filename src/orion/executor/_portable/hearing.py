"""What each message of a worker means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orion.executor._core.arrived import Arrived
from orion.executor._portable.member import Member
from orion.executor._portable.messages import Kind, Message, content_of
from orion.executor._process.adoption import Adoption
from orion.executor._process.base_pool import Later
from orion.executor._process.ends import Ends

if TYPE_CHECKING:
    from orion.executor._portable.pool import PortablePool

__all__ = ["Hearing"]


class Hearing:
    """Takes messages to whom they concern; called with the pool's lock held."""

    def __init__(self, pool: PortablePool, ends: Ends) -> None:
        self._pool = pool
        self._ends = ends
        self._adoption = Adoption(pool)

    def _trace(self, member: Member, task: int) -> None:
        """Take down when a task has run, as far as could be heard from here."""
        future = self._pool.ledger.sent.get(task)
        recorder = self._pool.recorder
        if future is not None and recorder is not None and member.started is not None:
            recorder.ran(future, member.state.pid, int(member.started * 1e9), time.monotonic_ns())

    def hear(self, member: Member, message: Message, later: Later) -> None:
        worker, kind, number = member.state, message.kind, message.number
        if kind == Kind.SPAWNED:
            worker.pid = number
            self._pool.make_idle(member)
        elif kind in (Kind.RETURNED, Kind.RAISED):
            if member.task == number:
                self._trace(member, number)
                outcome = Arrived(kind == Kind.RETURNED, *content_of(message.body))
                self._ends.task_ended(worker, number, outcome, later)
                self._pool.make_idle(member)
        elif kind == Kind.STARTED:
            self._pool.task_started(member)
        elif kind == Kind.LEAVING:
            member.is_leaving = True
        elif kind == Kind.UNFIT:
            self._ends.workers_unfit(content_of(message.body)[0], later)
        elif kind == Kind.BLOCKED:
            self._adoption.blocked(worker)
        elif kind == Kind.UNBLOCKED:
            self._adoption.unblocked(worker)
        elif kind == Kind.CANCEL:
            self._adoption.cancelled(worker, number, later)
        elif kind == Kind.SUBMIT:
            self._adoption.submitted(worker, number, *content_of(message.body), later)
