"""The packets and frames between the driver, the template and the workers.

Calls travel as packets in one pipe that all workers read, results as frames in one pipe that all
workers write. Neither is ever larger than ``PIPE_BUF``: so each is written and read as a whole
(pipe(7)), also when its writer or reader is killed. What is larger travels in a segment.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from orion.executor._trace.record import RECORD

__all__ = [
    "CALL_ROOM",
    "DESCRIPTORS_GONE",
    "FRAME_ROOM",
    "PACKET_BYTES",
    "REPLY_ROOM",
    "Form",
    "Frame",
    "FrameReader",
    "Kind",
    "Order",
    "Packet",
    "PacketWriter",
    "Reply",
    "frame",
]

PACKET_BYTES = 4096

DESCRIPTORS_GONE = 70  # exit code of a worker whose task has closed the descriptors by which it is reached


class Form:
    """Where the body of a message is."""

    INLINE = 0
    SEGMENT = 1
    PIECES = 2  # what came before it, or has to be fetched
    TIMED = 4  # besides: in a result, a RECORD of the run comes before the body


class Packet:
    """What the driver puts into the task pipe."""

    HEADER = struct.Struct("<QBBHIB")  # task, kind, form, length of all, attempt, length of the name that follows
    RUN = 1  # followed by what it is called, and the call
    PARK = 2
    RETIRE = 3

    @staticmethod
    def run(task: int, form: int, attempt: int, name: str, body: bytes) -> bytes:
        """Return the packet that runs a task; an empty name stands for the function's."""
        if not name:
            return _pack_packet(task, Packet.RUN, form, _HEADER_BYTES + len(body), attempt, 0) + body
        encoded = name.encode("utf-8", "replace")[:_NAME_BYTES]
        length = _HEADER_BYTES + len(encoded) + len(body)
        return _pack_packet(task, Packet.RUN, form, length, attempt, len(encoded)) + encoded + body

    @staticmethod
    def order(kind: int) -> bytes:
        """Return the packet that tells the worker which reads it to do something else."""
        return _pack_packet(0, kind, Form.INLINE, _HEADER_BYTES, 0, 0)

    @staticmethod
    def content(packet: memoryview, length: int, name_length: int) -> tuple[str, bytes]:
        """Return name and body of a packet that runs a task."""
        if not name_length:
            return "", packet[_HEADER_BYTES:length].tobytes()
        start = _HEADER_BYTES + name_length
        return str(packet[_HEADER_BYTES:start], "utf-8", "ignore"), packet[start:length].tobytes()


_NAME_BYTES = 255  # of a task's name; the rest is cut
_HEADER_BYTES = Packet.HEADER.size
_pack_packet = Packet.HEADER.pack
CALL_ROOM = PACKET_BYTES - _HEADER_BYTES - _NAME_BYTES


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
PEAK_MEMORY = struct.Struct("<Q")  # bytes


class Frame(NamedTuple):
    """One frame of the result pipe."""

    kind: int
    form: int
    worker: int
    number: int
    body: bytes


_FRAME = struct.Struct("<HBBIQ")  # length of all, kind, form, worker, number
_FRAME_BYTES = _FRAME.size
_RECORD_BYTES = RECORD.size
FRAME_ROOM = PACKET_BYTES - _FRAME_BYTES - _RECORD_BYTES
_unpack_frame = _FRAME.unpack_from
_new_tuple = tuple.__new__  # a NamedTuple's own way takes twice as long
_TIMED = Form.TIMED
_LAST_KIND = Kind.FETCH
_LAST_FORM = Form.PIECES | Form.TIMED
_READ_BYTES = 1 << 18


def frame(
    kind: int,
    worker: int,
    number: int = 0,
    body: bytes = b"",
    form: int = Form.INLINE,
    record: memoryview | None = None,
) -> bytes:
    """Return a frame's bytes, to be written at once; with the :data:`RECORD` of the run if there is one."""
    if record is None:
        return _FRAME.pack(_FRAME_BYTES + len(body), kind, form, worker, number) + body
    length = _FRAME_BYTES + _RECORD_BYTES + len(body)
    return b"".join((_FRAME.pack(length, kind, form | _TIMED, worker, number), record, body))


class PacketWriter:
    """Writes packets into the task pipe, several with one call: what is larger than a packet, the kernel divides.

    So each but the last is filled up to the size of a packet (pipe(2), ``O_DIRECT``).
    """

    MOST = 64  # packets that are written with one call

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory = bytearray(PacketWriter.MOST * PACKET_BYTES)
        self._view = memoryview(self._memory)

    def write(self, packets: Sequence[bytes]) -> int:
        """Write packets; return how many there was room for."""
        try:
            if len(packets) == 1:
                return os.write(self._fd, packets[0]) and 1
            end = 0
            for index, packet in enumerate(packets):
                start = index * PACKET_BYTES
                end = start + len(packet)
                self._memory[start:end] = packet
            return -(-os.write(self._fd, self._view[:end]) // PACKET_BYTES)
        except BlockingIOError:
            return 0


class FrameReader:
    """Reads frames from the result pipe, into memory that is used again: fresh memory costs more than the reading."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory = bytearray(_READ_BYTES)
        self._view = memoryview(self._memory)
        self._filled = 0
        self.records = bytearray()
        """When tasks ran, as far as frames have told: one :data:`RECORD` after another."""

    def read(self) -> list[Frame]:
        """Return the frames that have arrived whole; what has arrived of another is kept.

        Raises
        ------
        BlockingIOError
            If there is nothing to read.
        ValueError
            If these are no frames: then nothing that comes after it can be told apart either.
        """
        view, records = self._view, self.records
        end = self._filled + os.readv(self._fd, [view[self._filled :]])
        start = 0
        found = []
        while end - start >= _FRAME_BYTES:
            length, kind, form, worker, number = _unpack_frame(view, start)
            if not (_FRAME_BYTES <= length <= PACKET_BYTES and 0 < kind <= _LAST_KIND and form <= _LAST_FORM):
                raise ValueError(f"{bytes(view[start : start + _FRAME_BYTES])!r} begins no frame")
            if end - start < length:
                break
            body = bytes(view[start + _FRAME_BYTES : start + length])
            if form >= _TIMED:
                form -= _TIMED
                records += body[:_RECORD_BYTES]
                body = body[_RECORD_BYTES:]
            found.append(_new_tuple(Frame, (kind, form, worker, number, body)))
            start += length
        self._filled = end - start
        if self._filled:
            self._memory[: self._filled] = self._memory[start:end]
        return found
