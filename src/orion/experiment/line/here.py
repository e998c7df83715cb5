"""The desks of this process, which trials in its own threads ask without a connection."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from orion.experiment.line.address import Address

__all__ = ["Reply", "desk_here", "open_here", "shut_here"]

Reply: TypeAlias = Callable[[bytes], bytes]
"""Takes a question, and returns the answer, as they would go through the connection."""

_open: dict[Address, tuple[int, Reply]] = {}


def open_here(address: Address, reply: Reply) -> None:
    """Let threads of this process ask a desk."""
    _open[address] = os.getpid(), reply


def shut_here(address: Address) -> None:
    """Let them do so no longer."""
    _open.pop(address, None)


def desk_here(address: Address | None) -> Reply | None:
    """Return how to ask a desk if it is one of this very process; a fork of it has a copy only."""
    if address is None:
        return None
    owner, reply = _open.get(address, (0, None))
    return reply if owner == os.getpid() else None
