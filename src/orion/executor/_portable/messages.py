"""What the driver and a worker tell each other: a header, and a body that is a pickle with its buffers."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from orion.executor._process import wire

__all__ = [
    "HEADER",
    "READ_BYTES",
    "Inbox",
    "Kind",
    "Message",
    "Order",
    "about",
    "about_and_rest",
    "body_of",
    "content_of",
]

HEADER = struct.Struct("<QBQ")  # length of the body, kind, number
READ_BYTES = 1 << 20

_NAME_BYTES = 255  # of a task's name; the rest is cut
_ABOUT = struct.Struct("<IB")  # attempt, length of the name
_MAX_BYTES = 1 << 40  # what claims to be longer is no message


class Kind(wire.Kind):
    """What a worker tells the driver; ``SPAWNED`` says that it is ready."""

    LEAVING = 64  # this task was the worker's last
    STARTED = 65  # the worker begins this task


class Order:
    """What the driver tells a worker."""

    SETUP = 1
    RUN = 2  # number: the task; the body begins with what a worker has to know of it besides its call
    RETIRE = 3
    RETURNED = 4  # number: the worker's own number for the nested task
    RAISED = 5  # number: likewise


class Message(NamedTuple):
    """One message as it arrived."""

    kind: int
    number: int
    body: bytes


def body_of(data: bytes | memoryview, buffers: Sequence[pickle.PickleBuffer | memoryview] = ()) -> bytes:
    """Return a pickle and its out-of-band buffers, copied, as a body."""
    return pickle.dumps((bytes(data), [pickle.PickleBuffer(buffer) for buffer in buffers]), protocol=5)


def content_of(body: bytes | memoryview) -> tuple[bytes, list[memoryview]]:
    """Return the pickle and the buffers of a body; what could be written before can be written again."""
    data, buffers = pickle.loads(body)
    return data, [memoryview(buffer) for buffer in buffers]


def about(attempt: int, name: str) -> bytes:
    """Return what a worker has to know of a task besides its call; an empty name stands for the function's."""
    if not name:
        return _ABOUT.pack(attempt, 0)
    encoded = name.encode("utf-8", "replace")[:_NAME_BYTES]
    return _ABOUT.pack(attempt, len(encoded)) + encoded


def about_and_rest(data: memoryview) -> tuple[int, str, memoryview]:
    """Return attempt and name, as :func:`about` made them, and what follows."""
    attempt, length = _ABOUT.unpack_from(data)
    start = _ABOUT.size + length
    name = str(data[_ABOUT.size : start], "utf-8", "ignore") if length else ""
    return attempt, name, data[start:]


class Inbox:
    """Puts messages together from what arrives in pieces."""

    def __init__(self) -> None:
        self._arrived = bytearray()

    def add(self, data: bytes) -> Iterator[Message]:
        """Take what has arrived; yield the messages that are complete.

        Raises
        ------
        ValueError
            If this is no message.
        """
        self._arrived += data
        while len(self._arrived) >= HEADER.size:
            length, kind, number = HEADER.unpack_from(self._arrived)
            if length > _MAX_BYTES:
                raise ValueError(f"{bytes(self._arrived[: HEADER.size])!r} begins no message")
            end = HEADER.size + length
            if len(self._arrived) < end:
                return
            body = bytes(memoryview(self._arrived)[HEADER.size : end])
            del self._arrived[:end]
            yield Message(kind, number, body)
