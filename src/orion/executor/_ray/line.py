"""The driver's end of the way to a host."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from orion.executor._ray.messages import Message, as_sent, pack

__all__ = ["Line"]


class Line:
    """Calls a host, which is an actor.

    Its calls may overtake each other, so each is given a number, by which the host puts them in order again.
    ``kind`` tells what the host holds and where it imports from: another executor can use one of the same kind.
    """

    def __init__(self, actor: Any, kind: object) -> None:
        self.actor = actor
        self.kind = kind
        self._numbers = itertools.count()

    def next_number(self) -> int:
        """Return the number of the next call: calls are heeded in the order in which these are taken."""
        return next(self._numbers)

    def exchange(self, number: int, messages: Sequence[Message]) -> Any:
        """Send messages; return the reference of what the host will have to say."""
        references: list[Any] = []
        packed = pack([as_sent(message, references) for message in messages])
        return self.actor.exchange.remote(number, packed, references)
