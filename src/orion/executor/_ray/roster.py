"""Which host runs what, and how many hosts there should be: decisions, as plain state without input or output."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from orion.executor._core.future import Future
from orion.executor._ray.in_order import InOrder
from orion.executor._ray.line import Line
from orion.executor._ray.messages import Message
from orion.executor._ray.request import Request

__all__ = ["Assignment", "Dismissal", "Hiring", "Member", "Roster"]

_MAX_EARLY_DEATHS = 3
_SECONDS_TO_BE_READY = 1.0  # after so long, a host may be waiting for what idle ones hold
_SECONDS_TO_DOUBT = 15.0  # after so long, it may be waiting for what no node has any more


@dataclass(eq=False)
class Member:
    """What the driver knows of a host."""

    number: int
    request: Request
    hired_at: float
    doubted_at: float = 0.0
    ready: bool = False
    pid: int | None = None
    n_blocked: int = 0
    """How many of its tasks wait for others, and lend their slots."""
    runs: dict[int, Future[Any]] = field(default_factory=dict)
    children: dict[int, Future[Any]] = field(default_factory=dict)
    """What its tasks submitted, by the host's own numbers, until it has ended."""
    idle_since: float = 0.0
    line: Line | None = None
    outbox: list[Any] = field(default_factory=list)
    user: int = 0
    """What the host calls this executor."""
    said: InOrder[tuple[int, list[Message]]] = field(default_factory=InOrder)
    n_calls: int = 0
    """Exchanges under way."""

    @property
    def free(self) -> bool:
        """Whether a task can begin here at once."""
        return self.ready and len(self.runs) - self.n_blocked < 1

    @property
    def idle(self) -> bool:
        return self.ready and not self.runs


@dataclass(frozen=True)
class Assignment:
    """A task is to begin at a host, as the run of that number."""

    member: Member
    run: int
    future: Future[Any]


@dataclass(frozen=True)
class Hiring:
    """A host is to be started."""

    member: Member


@dataclass(frozen=True)
class Dismissal:
    """A host is to end; it is off the books."""

    member: Member


class Roster:
    """The queue and the hosts; called under the crew's lock.

    A task waits until a host that holds what it asks for is free, and only then is given to it: what is lost with a
    host is what ran there, and a long task holds up nothing behind it.
    """

    def __init__(self, n_workers: int, idle_timeout: float) -> None:
        self.members: dict[int, Member] = {}
        self._n_workers = n_workers
        self._idle_timeout = idle_timeout
        self._queues: dict[Request, deque[tuple[int, Future[Any]]]] = {}
        self._newest, self._first = 0, 0  # places in the queue: of the last and of what goes before everything
        self._next_member = 1
        self._next_run = 1
        self._early_deaths = 0
        self._where: dict[int, tuple[Member, int]] = {}  # of each running task, by the future's number

    # Tasks

    def enqueue(self, future: Future[Any], *, first: bool = False) -> None:
        queue = self._queues.setdefault(Request.of(future._options), deque())
        if first:
            self._first -= 1
            queue.appendleft((self._first, future))
        else:
            self._newest += 1
            queue.append((self._newest, future))

    def where(self, future: Future[Any]) -> tuple[Member, int] | None:
        """Return the host that runs a task and the number of the run; ``None`` if it has not begun."""
        return self._where.get(future._id)

    def ended(self, member: Member, run: int, now: float) -> Future[Any] | None:
        """Take a run off the books."""
        future = member.runs.pop(run, None)
        member.n_blocked = min(member.n_blocked, len(member.runs))  # one that was stopped while it waited tells no more
        if future is not None and self._where.get(future._id) == (member, run):
            del self._where[future._id]
        member.idle_since = now
        return future

    def queued(self) -> list[Future[Any]]:
        """Take all tasks that have not begun off the books, and return them."""
        futures = [future for queue in self._queues.values() for _, future in queue]
        self._queues.clear()
        return futures

    # Hosts

    def next_step(self, now: float) -> Assignment | Hiring | Dismissal | None:
        """Return what is to be done next; it counts as done."""
        if self._n_active() >= self._n_workers:
            return None
        waiting = self._waiting()
        for request in waiting:
            member = next((m for m in self.members.values() if m.request == request and m.free), None)
            if member is not None:
                return self._assign(member)
            if not self._count(request) and (step := self._make_room(request, now, also_wanted=True)) is not None:
                return step
        for request in waiting:
            on_the_way = sum(m.request == request and not m.ready for m in self.members.values())
            if on_the_way < len(self._queues[request]) and (step := self._make_room(request, now)) is not None:
                return step
        return None

    def heard_of(self, member: Member, pid: int, now: float) -> None:
        """Count a host as ready."""
        member.ready, member.pid, member.idle_since = True, pid, now
        self._early_deaths = 0

    def lost(self, member: Member) -> tuple[list[Future[Any]], list[Future[Any]]]:
        """Take a host off the books; return what it ran and what that had submitted."""
        if self.members.pop(member.number, None) is None:
            return [], []
        self._early_deaths += not member.ready
        futures = [future for run in list(member.runs) if (future := self.ended(member, run, 0.0)) is not None]
        return futures, list(member.children.values())

    @property
    def hopeless(self) -> bool:
        """Whether hosts die again and again before they take any work."""
        return self._early_deaths >= _MAX_EARLY_DEATHS

    def dismiss_idle(self, now: float) -> Member | None:
        """Take a host off the books that has been idle for long, or that another may be waiting for."""
        stalled = [m for m in self.members.values() if not m.ready and now - m.hired_at >= _SECONDS_TO_BE_READY]
        for member in self.members.values():
            if member.idle and not self._queues.get(member.request):
                in_the_way = any(other.request != member.request for other in stalled)
                if in_the_way or now - member.idle_since >= self._idle_timeout:
                    del self.members[member.number]
                    return member
        return None

    def doubtful(self, now: float) -> set[Request]:
        """Return what is asked for by hosts that have not come up for long; they are doubted again after as long."""
        found = set()
        for member in self.members.values():
            if not member.ready and now - member.doubted_at >= _SECONDS_TO_DOUBT:
                member.doubted_at = now
                found.add(member.request)
        return found

    def abandon(self, request: Request) -> tuple[list[Member], list[Future[Any]]]:
        """Take what cannot be had off the books: return hosts that do not come up, and tasks that wait for them."""
        members = [member for member in self.members.values() if member.request == request and not member.ready]
        for member in members:
            del self.members[member.number]
        return members, [future for _, future in self._queues.pop(request, ())]

    def next_check(self, now: float) -> float | None:
        """Return after how many seconds there may be something to dismiss or to doubt."""
        dues = [m.idle_since + self._idle_timeout for m in self.members.values() if m.idle]
        coming = [member for member in self.members.values() if not member.ready]
        if dues:
            dues += [m.hired_at + _SECONDS_TO_BE_READY for m in coming]
        dues += [m.doubted_at + _SECONDS_TO_DOUBT for m in coming]
        return max(0.01, min(dues) - now) if dues else None

    # Inner

    def _waiting(self) -> list[Request]:
        """Return what is asked for, by the oldest task that waits for it; tasks that were completed are dropped."""
        for request, queue in list(self._queues.items()):
            while queue and queue[0][1]._order:
                queue.popleft()
            if not queue:
                del self._queues[request]
        return sorted(self._queues, key=lambda request: self._queues[request][0][0])

    def _assign(self, member: Member) -> Assignment:
        _, future = self._queues[member.request].popleft()
        run, self._next_run = self._next_run, self._next_run + 1
        member.runs[run] = future
        self._where[future._id] = (member, run)
        return Assignment(member, run, future)

    def _make_room(self, request: Request, now: float, *, also_wanted: bool = False) -> Hiring | Dismissal | None:
        """Hire, or dismiss who is idle; one that other tasks want (``also_wanted``) only for who has none at all."""
        n_blocked = sum(member.n_blocked for member in self.members.values())
        n_coming = sum(not member.ready for member in self.members.values())
        if len(self.members) < self._n_workers + n_blocked and self._n_active() + n_coming < self._n_workers:
            member = Member(self._next_member, request, hired_at=now, doubted_at=now)
            self._next_member += 1
            self.members[member.number] = member
            return Hiring(member)
        for member in self.members.values():
            if member.request != request and member.idle and (also_wanted or not self._queues.get(member.request)):
                del self.members[member.number]
                return Dismissal(member)
        return None

    def _n_active(self) -> int:
        """Return how many tasks run, those that wait for others not counted."""
        return sum(len(member.runs) - member.n_blocked for member in self.members.values())

    def _count(self, request: Request) -> int:
        return sum(member.request == request for member in self.members.values())
