"""The driver's end of the way to a host."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Sequence
from typing import Any

from orion.executor._ray import shortcut
from orion.executor._ray.messages import Message, as_sent, pack

__all__ = ["Line"]


class Line:
    """Calls a host, which is an actor, or takes the shortcut to it.

    What is sent may be overtaken by what is sent later, so each has a number, by which the host puts it in order again.
    ``kind`` tells what the host holds and where it imports from: another executor can use one of the same kind.
    """

    def __init__(self, actor: Any, kind: object) -> None:
        self.actor = actor
        self.kind = kind
        self.shortcut: socket.socket | None = None
        self._call = actor.exchange.remote
        self._numbers = itertools.count()
        self._users = itertools.count(1)

    def next_user(self) -> int:
        """Return a number for who uses the host from now on: what it has to say to others before is of no interest."""
        return next(self._users)

    def next_number(self) -> int:
        """Return the number of what is sent next: it is heeded in the order in which these are taken."""
        return next(self._numbers)

    def take_shortcut(self, name: bytes) -> bool:
        """Send what is small under ``name`` from now on, if the host is on this machine; return whether it is."""
        self.shortcut = shortcut.connect(name)
        return self.shortcut is not None

    def send(self, number: int, messages: Sequence[Message]) -> bool:
        """Send messages by the shortcut; return whether that is possible."""
        if self.shortcut is None:
            return False
        references: list[Any] = []
        packed = pack((number, [as_sent(message, references) for message in messages]))
        if references or not isinstance(packed, bytes) or len(packed) > shortcut.ROOM:
            return False
        try:
            self.shortcut.send(packed)
        except OSError:  # the host does not listen at the moment, or has ended, which Ray will tell
            return False
        return True

    def exchange(self, number: int, messages: Sequence[Message]) -> Any:
        """Send messages through Ray; return the reference of what the host will have to say."""
        references: list[Any] = []
        packed = pack((number, [as_sent(message, references) for message in messages]))
        return self._call(packed, references) if references else self._call(packed)  # each argument takes its time

    def close(self) -> None:
        """Give the shortcut back."""
        if self.shortcut is not None:
            self.shortcut.close()
