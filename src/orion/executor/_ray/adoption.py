"""The driver's side of nested work: what a task submits is run, and its host is told how that ended."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure, Outcome
from orion.executor._ray.cluster import Cluster
from orion.executor._ray.messages import ToHost, pack_outcome
from orion.executor._ray.request import Request
from orion.executor._ray.roster import Member
from orion.executor.errors import ExecutorError

if TYPE_CHECKING:
    from orion.executor._ray.crew import Crew

__all__ = ["Adoption"]


class Adoption:
    """Is told, without the crew's lock, what tasks ask of it."""

    def __init__(self, crew: Crew, cluster: Cluster) -> None:
        self._crew = crew
        self._cluster = cluster

    def submitted(
        self,
        member: Member,
        parent: Future[Any] | None,
        number: int,
        name_and_options: bytes,
        call: bytes,
        buffers: Sequence[Any],
    ) -> None:
        """Run what a task has submitted; ``number`` is what its host calls it."""
        if parent is None:
            return  # it has ended meanwhile: what it left behind is nobody's
        executor = parent._executor
        try:
            name, options = pickle.loads(name_and_options)
            if (request := Request.of(options)) != Request():
                self._crew.check(request)
            kept = self._cluster.keep(bytes(call), buffers)
            child: Future[Any] = Future(executor, next(executor._numbers), kept, name, options)
            executor._tracker.add(child, from_task=True)
        except Exception as error:
            self._answer(member, number, Failure(error))
            return
        member.children[number] = child
        executor._tracker.watch(child, partial(self._ended, member, number, child))
        try:
            self._crew.submit(child, first=True)
        except ExecutorError as error:
            executor._tracker.settle(child, Failure(error))

    def _ended(self, member: Member, number: int, child: Future[Any]) -> None:
        member.children.pop(number, None)
        assert child._outcome is not None
        self._answer(member, number, child._outcome)

    def _answer(self, member: Member, number: int, outcome: Outcome) -> None:
        self._crew.tell(member, (ToHost.ANSWER, number, pack_outcome(outcome)))
