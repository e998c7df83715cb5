"""What goes between the driver and its hosts, and by which way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

from orion.executor._ray import shortcut
from orion.executor._ray.ear import Ear
from orion.executor._ray.line import Line
from orion.executor._ray.messages import Message, ToHost, unpack
from orion.executor._ray.roster import Member

__all__ = ["NEVER", "Correspondence"]

NEVER = float("inf")
_SECONDS_UNHEARD = 0.05  # how long nobody may listen to a host that has nothing to do


class TakeIn(Protocol):
    """Is told what a host has said; the arguments are those of ``Crew``."""

    def __call__(self, member: Member, user: int, number: int, n_blocked: int, said: list[Message], /) -> None: ...


class Correspondence:
    """Sends hosts what is in their outboxes, and has what they say taken in by the thread that hears.

    Parameters
    ----------
    lock
        Guards the members; it is not held here while anything is sent.
    ear
        Where the thread hears of answers and packets.
    take_in, lost
        Called in that thread with what a host has said, and with why it can say nothing any more.
    """

    def __init__(
        self, lock: threading.Lock, ear: Ear, take_in: TakeIn, lost: Callable[[Member, Exception], None]
    ) -> None:
        self._lock = lock
        self._ear = ear
        self._take_in = take_in
        self._lost = lost
        self.listen_at = NEVER
        """When to see to it that somebody listens to each host."""

    def post(self, member: Member, *, listen: bool = False) -> None:
        """Send a host what there is for it; or call it only to ``listen``, unless somebody does."""
        with self._lock:
            outbox, member.outbox = member.outbox, []
            line = member.line
            if line is None or not (outbox or (listen and not member.n_calls)):
                return
            number = line.next_number()
        if not (outbox and line.send(number, outbox)):
            self._call(member, line, number, outbox)

    def _call(self, member: Member, line: Line, number: int, messages: list[Message]) -> None:
        """Send a host messages through Ray, and listen to what it says."""
        with self._lock:
            member.n_calls += 1
        try:
            answer = line.exchange(number, messages).future()
        except Exception as error:
            self._ear.tell(partial(self._lost, member, error))
        else:
            answer.add_done_callback(lambda done: self._ear.tell(partial(self._answered, member, done)))

    # For the thread that hears

    def begin(self, member: Member, line: Line) -> None:
        """Greet a host that is new here."""
        if line.shortcut is not None:
            self._ear.listen_to(line.shortcut, partial(self._read, member, line.shortcut))
        self._call(member, line, line.next_number(), [(ToHost.HELLO, member.user)])

    def shorten(self, member: Member, name: bytes) -> None:
        """Take the shortcut of that name from now on, if it leads to the host."""
        line = member.line
        if line is not None and line.shortcut is None and line.take_shortcut(name):
            assert line.shortcut is not None
            self._ear.listen_to(line.shortcut, partial(self._read, member, line.shortcut))

    def hang_up(self, member: Member) -> None:
        """Give a shortcut back."""
        if member.line is not None and member.line.shortcut is not None:
            self._ear.forget(member.line.shortcut)
            member.line.close()

    def listen(self, members: Iterable[Member]) -> None:
        """See to it that somebody listens to each of them."""
        self.listen_at = NEVER
        for member in members:
            self.post(member, listen=True)

    def _answered(self, member: Member, answer: Any) -> None:
        """Take in what a host has said through Ray, and go on listening."""
        try:
            said = unpack(answer.result())
        except Exception as error:
            self._lost(member, error)
            return
        with self._lock:
            member.n_calls -= 1
        if said is not None:
            self._take_in(member, *said)
        if member.idle and member.line is not None and member.line.shortcut is None:
            # Mostly it is called with the next task before somebody has to listen.
            self.listen_at = min(self.listen_at, time.monotonic() + _SECONDS_UNHEARD)
        else:
            self.post(member, listen=True)

    def _read(self, member: Member, connection: socket.socket) -> None:
        """Take in what a host has said by the shortcut."""
        try:
            packed = connection.recv(shortcut.ROOM)
        except BlockingIOError:
            return
        except OSError:
            packed = b""
        if packed:
            self._take_in(member, *unpack(packed))
        else:  # it has ended, and Ray will say why
            self._ear.forget(connection)
