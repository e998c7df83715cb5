"""A task's end as it came from another process: loaded when somebody asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from orion.executor._core import payload
from orion.executor._core.outcome import Failure, Outcome, Value

__all__ = ["Arrived", "encoded"]

Data = bytes | memoryview
Buffers = Sequence[memoryview]


class Arrived:
    """A serialised value or failure."""

    __slots__ = ("buffers", "data", "ok")

    def __init__(self, ok: bool, data: Data, buffers: Buffers = ()) -> None:
        self.ok = ok
        self.data = data
        self.buffers = buffers

    def cause(self) -> str:
        return "" if self.ok else payload.failure_name(self.data)

    def resolve(self) -> Value | Failure:
        return payload.load_value(self.data, self.buffers) if self.ok else payload.load_failure(self.data)


def encoded(outcome: Outcome) -> tuple[bool, Data, Buffers]:
    """Return an outcome as it travels; one that has not been loaded is passed on as it came."""
    if isinstance(outcome, Arrived):
        return outcome.ok, outcome.data, outcome.buffers
    loaded = outcome.resolve()
    if isinstance(loaded, Failure):
        return False, payload.dump_failure(loaded.exception), ()
    try:
        return True, payload.dumps(loaded.value), ()
    except Exception as error:
        return False, payload.dump_failure(error), ()
