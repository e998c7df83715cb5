"""The driver's side of the hosts: sends what the roster decides, and hears what they say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from orion.executor._core.future import Future
from orion.executor._core.outcome import Failure, described
from orion.executor._ray.adoption import Adoption
from orion.executor._ray.cluster import Cluster
from orion.executor._ray.correspondence import NEVER, Correspondence
from orion.executor._ray.ear import Ear
from orion.executor._ray.line import Line
from orion.executor._ray.losses import host_lost, hosts_unfit
from orion.executor._ray.messages import Message, ToDriver, ToHost, unpack_outcome
from orion.executor._ray.request import Request
from orion.executor._ray.roster import Assignment, Hiring, Member, Roster
from orion.executor.errors import ExecutorError, OptionNotSupported

__all__ = ["Crew"]

Later = list[Callable[[], object]]

_SECONDS_TO_END = 5.0


class Crew:
    """The hosts of one executor, and the queue.

    It knows the executor through its futures only, so that one that nobody holds is collected. ``_lock`` guards the
    roster; Ray is called, and futures are settled, without it. One thread, the pump, hears the hosts and starts
    and ends them; a task's call is sent by whoever makes that possible.
    """

    def __init__(
        self,
        n_workers: int,
        cluster: Cluster,
        idle_timeout: float,
        hire: Callable[[Request], Line],
        check: Callable[[Request], None],
    ) -> None:
        self._lock = threading.Lock()
        self._roster = Roster(n_workers, idle_timeout)
        self._cluster = cluster
        self._hire = hire
        self._check = check
        self._idle_timeout = idle_timeout
        self._adoption = Adoption(self, cluster)
        self._ear = Ear()
        self._mail = Correspondence(self._lock, self._ear, self._take_in, self._lost)
        self._closing = False
        self._ended = threading.Event()
        self._broken: ExecutorError | None = None
        self._pump = threading.Thread(target=self._hear, name="orion-ray-pump", daemon=True)
        self._pump.start()
        cluster.watchers.append(self.give_up)

    def check(self, request: Request | None = None) -> None:
        """Raise what ended the cluster, if something has, or that no node has what is asked for."""
        if self._broken is not None:
            raise self._broken
        if request is not None:
            self._check(request)

    def submit(self, future: Future[Any], *, first: bool = False) -> None:
        """Run a task as soon as its turn comes."""
        self.check()
        with self._lock:
            if self._closing:
                return
            self._roster.enqueue(future, first=first)
            todo = self._staff()
        _do(todo)

    def stop(self, future: Future[Any]) -> bool:
        """Keep a task from running, or stop it; return whether it ends as cancelled."""
        if not future._executor._settle_cancelled(future):
            return False
        with self._lock:
            place = self._roster.where(future)
        if place is not None:
            member, run = place
            self.tell(member, (ToHost.STOP, run))
        return True

    def close(self) -> None:
        """End all hosts. No task is pending any more."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            members = list(self._roster.members.values())
            self._roster.members.clear()
        self._cluster.watchers.remove(self.give_up)
        self._ear.tell(None)
        if threading.get_ident() != self._pump.ident:
            self._ended.wait(_SECONDS_TO_END)  # join would make an object of any other thread
        if self._broken is None:
            for member in members:
                self._let_go(member)
        self._cluster.release()

    def give_up(self, error: ExecutorError) -> None:
        """Fail every task, those to come too; the hosts that can still hear it end."""
        failure = Failure(error)
        with self._lock:
            self._broken = error
            members = list(self._roster.members.values())
            futures = self._roster.queued()
            for member in members:
                futures += self._roster.lost(member)[0]
                member.outbox.append((ToHost.QUIT,))
        for future in futures:
            future._executor._tracker.settle(future, failure)
        for member in members:
            self._mail.post(member)
            self._ear.tell(partial(self._mail.hang_up, member))

    # With the lock held

    def _staff(self) -> Later:
        """Decide who runs what next; return what is to be done about it, without the lock."""
        todo: Later = []
        while not self._closing and (step := self._roster.next_step(time.monotonic())) is not None:
            if isinstance(step, Assignment):
                member, future = step.member, step.future
                call, options = future._call, future._options
                about = (future._name, options.name, options.timeout, options.grace, options.memory_gb)
                member.outbox.append((ToHost.RUN, step.run, about, future._attempt, call))
                todo.append(partial(self._mail.post, member))
            elif isinstance(step, Hiring):
                todo.append(partial(self._ear.tell, partial(self._start, step.member)))
            else:
                todo.append(partial(self._ear.tell, partial(self._end, step.member)))
        return todo

    # Without the lock

    def tell(self, member: Member, message: Message) -> None:
        """Send a host a message."""
        with self._lock:
            member.outbox.append(message)
        self._mail.post(member)

    def _start(self, member: Member) -> None:
        try:
            line = self._hire(member.request)
        except Exception as error:
            self._lost(member, error)
            return
        with self._lock:
            wanted = not self._closing and member.number in self._roster.members
            member.line, member.user = line, line.next_user()
        if wanted:
            self._mail.begin(member, line)
        else:
            self._end(member)

    def _end(self, member: Member) -> None:
        self._mail.hang_up(member)
        if member.line is not None:
            self._cluster.kill(member.line)

    def _let_go(self, member: Member) -> None:
        """Leave a host that has nothing to do to the next executor of this process, if there is one soon."""
        line = member.line
        if line is None or not member.idle or member.children or member.outbox or not self._ended.is_set():
            self._end(member)
            return
        try:
            line.exchange(line.next_number(), [(ToHost.PARK, self._idle_timeout)])
        except Exception:
            self._end(member)
        else:
            self._cluster.park(line, self._idle_timeout)

    # The pump

    def _hear(self) -> None:
        try:
            while self._turn():
                pass
        except Exception as error:  # a task must not wait for ever for a pump that has gone
            problem = ExecutorError(f"the Ray engine has failed: {described(error)}")
            problem.__cause__ = error
            self.give_up(problem)
        finally:
            self._ear.close()
            self._ended.set()

    def _turn(self) -> bool:
        """Wait for an event, or for what is due, and see to it; false if this was the last."""
        now = time.monotonic()
        with self._lock:
            check = self._roster.next_check(now)
        due = self._mail.listen_at if check is None else min(self._mail.listen_at, now + check)
        for event in self._ear.hear(None if due == NEVER else max(0.0, due - now)) or [self._look_around]:
            if event is None:
                return False
            event()
        if self._mail.listen_at <= time.monotonic():
            with self._lock:
                members = list(self._roster.members.values())
            self._mail.listen(members)
        return True

    def _look_around(self) -> None:
        """Dismiss hosts that are idle for long; give up those that can never come up."""
        with self._lock:
            doubtful = self._roster.doubtful(time.monotonic())
        for request in doubtful:
            try:
                self._check(request)
            except OptionNotSupported as error:
                self._abandon(request, error)
        while True:
            with self._lock:
                member = self._roster.dismiss_idle(time.monotonic())
                todo = self._staff()
            _do(todo)
            if member is None:
                return
            self._end(member)

    def _abandon(self, request: Request, error: OptionNotSupported) -> None:
        with self._lock:
            members, futures = self._roster.abandon(request)
        for member in members:
            self._end(member)
        for future in futures:
            future._executor._tracker.settle(future, Failure(error))

    def _take_in(self, member: Member, user: int, number: int, n_blocked: int, said: list[Message]) -> None:
        if user != member.user:
            return  # it was said to whom the host has served before
        todo: Later = []
        with self._lock:
            if self._closing or member.number not in self._roster.members:
                return
            for n_blocked_then, messages in member.said.take(number, (n_blocked, said)):
                member.n_blocked = n_blocked_then
                for message in messages:
                    self._heed(member, *message, todo=todo)
            todo += self._staff()
        _do(todo)

    def _heed(self, member: Member, kind: int, *rest: Any, todo: Later) -> None:
        """Take in one message, with the lock held."""
        if kind == ToDriver.ENDED:
            run, outcome = rest
            future = self._roster.ended(member, run, time.monotonic())
            if future is not None:
                todo.append(partial(future._executor._settle, future, unpack_outcome(outcome)))
        elif kind == ToDriver.SUBMIT:
            todo.append(partial(self._adoption.submitted, member, next(iter(member.runs.values()), None), *rest))
        elif kind == ToDriver.CANCEL:
            child = member.children.get(rest[0])
            if child is not None:
                todo.append(partial(child._executor.cancel, child))
        else:
            pid, name = rest
            self._roster.heard_of(member, pid, time.monotonic())
            if name is not None:
                todo.append(partial(self._mail.shorten, member, name))

    def _lost(self, member: Member, error: Exception) -> None:
        """Fail what ran at a host that was lost, and cancel what that had submitted."""
        with self._lock:
            if member.number not in self._roster.members:
                return
            futures, children = self._roster.lost(member)
            hopeless = self._roster.hopeless
            todo = self._staff()
        self._end(member)  # it may only be unreachable
        for future in futures:
            future._executor._settle(future, Failure(host_lost(future, member, error)))
        for child in children:
            child._executor.cancel(child)
        if hopeless:
            self.give_up(hosts_unfit(error))
        _do(todo)


def _do(todo: Later) -> None:
    for action in todo:
        action()
