"""The packets and frames between the driver, the template and the workers.

Calls travel as packets in one pipe that all workers read, results as frames in one pipe that all
workers write. Neither is ever larger than ``PIPE_BUF``: so each is written and read as a whole
(pipe(7)), also when its writer or reader is killed. What is larger travels in a segment.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

__all__ = [
    "CALL_ROOM",
    "DESCRIPTORS_GONE",
    "FRAME_ROOM",
    "PACKET_BYTES",
    "REPLY_ROOM",
    "TIMES",
    "Form",
    "Frame",
    "FrameReader",
    "Kind",
    "Order",
    "Packet",
    "Reply",
    "about",
    "about_and_rest",
    "frame",
]

PACKET_BYTES = 4096

DESCRIPTORS_GONE = 70  # exit code of a worker whose task has closed the descriptors by which it is reached


class Form:
    """Where the body of a message is."""

    INLINE = 0
    SEGMENT = 1
    PIECES = 2  # what came before it, or has to be fetched
    TIMED = 4  # besides: in a result, its own body is preceded by when the task ran


class Packet:
    """What the driver puts into the task pipe."""

    HEADER = struct.Struct("<QBB")  # task, kind, form
    RUN = 1  # followed by what it is called and which attempt it is, and the call
    PARK = 2
    RETIRE = 3

    @staticmethod
    def run(task: int, form: int, attempt: int, name: str, body: bytes) -> bytes:
        """Return the packet that runs a task."""
        return Packet.HEADER.pack(task, Packet.RUN, form) + about(attempt, name) + body

    @staticmethod
    def content(packet: memoryview, length: int) -> tuple[int, str, bytes]:
        """Return attempt, name and body of a packet that runs a task."""
        attempt, name, body = about_and_rest(packet[Packet.HEADER.size : length])
        return attempt, name, bytes(body)


class Kind:
    """What a frame in the result pipe says."""

    RETURNED = 1
    RAISED = 2
    SPAWNED = 3  # number: process id
    DIED = 4  # number: wait status; body: peak memory, and what faulthandler wrote
    SUBMIT = 5  # number: the worker's own number for the nested task
    CANCEL = 6  # number: likewise
    BLOCKED = 7
    UNBLOCKED = 8
    PARKED = 9
    UNFIT = 10  # the initializer or an import failed; body: the failure
    PIECE = 11  # of what the worker's next frame of the form PIECES tells
    FETCH = 12  # number: the task whose call the worker wants to have in pieces


class Order:
    """What the driver tells the template; fields: order, worker, slot, and the task or the device."""

    HEADER = struct.Struct("<BIIQ")
    FORK = 1
    KILL = 2
    TERMINATE = 3


class Reply:
    """What the driver tells one worker."""

    HEADER = struct.Struct("<BQB")  # kind, the worker's own number for the nested task, form
    RETURNED = 1
    RAISED = 2
    UNPARK = 3
    PIECE = 4  # of what the next reply of the form PIECES tells
    CALL = 5  # what was fetched


REPLY_ROOM = PACKET_BYTES - Reply.HEADER.size
TIMES = struct.Struct("<QQQ")  # when the task began and ended, nanoseconds of the monotonic clock; peak memory in bytes
PEAK_MEMORY = struct.Struct("<Q")  # bytes


class Frame(NamedTuple):
    """One frame of the result pipe."""

    kind: int
    form: int
    worker: int
    number: int
    body: bytes


_FRAME = struct.Struct("<HBBIQ")  # length of all, kind, form, worker, number
_ABOUT = struct.Struct("<IB")  # attempt, length of the name
_NAME_BYTES = 255  # of a task's name; the rest is cut
CALL_ROOM = PACKET_BYTES - Packet.HEADER.size - _ABOUT.size - _NAME_BYTES
FRAME_ROOM = PACKET_BYTES - _FRAME.size
_READ_BYTES = 1 << 18


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


def frame(kind: int, worker: int, number: int = 0, body: bytes = b"", form: int = Form.INLINE) -> bytes:
    """Return a frame's bytes, to be written at once."""
    return _FRAME.pack(_FRAME.size + len(body), kind, form, worker, number) + body


class FrameReader:
    """Reads frames from the result pipe, into memory that is used again: fresh memory costs more than the reading."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory = bytearray(_READ_BYTES)
        self._view = memoryview(self._memory)
        self._filled = 0

    def read(self) -> list[Frame]:
        """Return the frames that have arrived whole; what has arrived of another is kept.

        Raises
        ------
        BlockingIOError
            If there is nothing to read.
        ValueError
            If these are no frames: then nothing that comes after it can be told apart either.
        """
        end = self._filled + os.readv(self._fd, [self._view[self._filled :]])
        start = 0
        found = []
        while end - start >= _FRAME.size:
            length, kind, form, worker, number = _FRAME.unpack_from(self._memory, start)
            if not (
                _FRAME.size <= length <= PACKET_BYTES and 0 < kind <= Kind.FETCH and form <= Form.PIECES | Form.TIMED
            ):
                raise ValueError(f"{bytes(self._view[start : start + _FRAME.size])!r} begins no frame")
            if end - start < length:
                break
            body = bytes(self._view[start + _FRAME.size : start + length])
            found.append(Frame(kind, form, worker, number, body))
            start += length
        self._filled = end - start
        if self._filled:
            self._memory[: self._filled] = self._memory[start:end]
        return found
