"""What the driver and its hosts tell each other.

An exchange carries a list of tuples each way, the kind first. They are pickled here, so that what Ray has to understand
is bytes, and large buffers beside them, which it keeps in its object store and maps into the receiver.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from orion.executor._core import payload
from orion.executor._core.arrived import Arrived, encoded
from orion.executor._core.outcome import Failure, Outcome
from orion.executor.errors import TaskStopped

__all__ = [
    "Message",
    "ToDriver",
    "ToHost",
    "as_sent",
    "out_of_band",
    "pack",
    "pack_outcome",
    "unpack",
    "unpack_outcome",
]

Message = tuple[Any, ...]
_OUT_OF_BAND_BYTES = 1 << 16


class ToHost:
    """Kinds of messages to a host, and what follows."""

    RUN = 1  # run, options, attempt, call or None, place of its reference
    STOP = 2  # run
    ANSWER = 3  # child, outcome
    HELLO = 4  # number of the user whom the host serves from now on
    PARK = 5  # seconds: nobody needs the host now, and unless somebody does within that time, it ends
    QUIT = 6


class ToDriver:
    """Kinds of messages to the driver, and what follows."""

    READY = 1  # process id of the host, name of its shortcut or None; answers HELLO
    ENDED = 2  # run, outcome
    SUBMIT = 3  # run, child, name and options, call, buffers
    CANCEL = 4  # child


def pack(content: object) -> Any:
    """Serialise what is exchanged."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(content, protocol=5, buffer_callback=buffers.append)
    return [data, *buffers] if buffers else data


def unpack(packed: Any) -> Any:
    """Return what was exchanged; large buffers are views on Ray's object store."""
    if isinstance(packed, list):
        return pickle.loads(packed[0], buffers=packed[1:])
    return pickle.loads(packed)


def out_of_band(buffers: Sequence[Any]) -> list[pickle.PickleBuffer]:
    """Return buffers so that :func:`pack` does not copy them."""
    return [pickle.PickleBuffer(buffer) for buffer in buffers]


def pack_outcome(outcome: Outcome) -> Message:
    """Return a task's end as it is exchanged."""
    if isinstance(outcome, Failure) and isinstance(outcome.exception, TaskStopped):
        return None, payload.dumps(outcome.exception), []  # what is said of the task, and not by it
    ok, data, buffers = encoded(outcome)
    large = isinstance(data, memoryview) and data.nbytes >= _OUT_OF_BAND_BYTES
    return ok, pickle.PickleBuffer(data) if large else bytes(data), out_of_band(buffers)


def unpack_outcome(token: Message) -> Outcome:
    """Return a task's end that was exchanged; what the task made is loaded when somebody asks for it."""
    ok, data, buffers = token
    if ok is None:
        return Failure(pickle.loads(data))
    return Arrived(ok, data, buffers)


def as_sent(message: Message, references: list[Any]) -> Message:
    """Return a message as it travels: a call in Ray's object store by the place of its reference."""
    if message[0] != ToHost.RUN:
        return message
    *about, call = message
    if call is None or isinstance(call, bytes):  # ``None``: its future was completed meanwhile
        return (*about, call or b"", 0)
    references.append(call)
    return (*about, None, len(references) - 1)
