"""A call in a worker that another library has started, and how its end comes back.

What such a library carries both ways is bytes that it need not understand. So the exceptions of tasks do not meet its
own ways of wrapping them, and what cannot be loaded is told by the driver, of that task only.
"""

from __future__ import annotations

from orion.executor._core import payload
from orion.executor._core.arrived import Arrived

__all__ = ["outcome_of", "run"]

_OK, _FAILED = b"\1", b"\0"


def run(call: bytes, name: str, attempt: int) -> bytes:
    """Run a serialised call (see ``payload.dumps_call``); return how it ended, for :func:`outcome_of`.

    An empty name stands for the function's (see ``current_task``).
    """
    ok, data, _ = payload.execute(call, name=name, attempt=attempt, in_band=True)
    return (_OK if ok else _FAILED) + data


def outcome_of(data: bytes) -> Arrived:
    """Return how a call ended that :func:`run` has run; it is loaded when somebody asks for it."""
    return Arrived(data[:1] == _OK, memoryview(data)[1:])
