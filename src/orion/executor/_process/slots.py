"""What each worker is doing, in memory that the driver, the template and the workers share.

A worker reads the task pipe straight into its slot. The kernel takes a packet out of the pipe and
puts it here in one call, so at no moment does a task belong to nobody, whenever the worker dies.
"""

from __future__ import annotations

import mmap
import os

from orion.executor._process.wire import PACKET_BYTES, Packet
from orion.executor._trace.record import RECORD

__all__ = [
    "ATTEMPT_AND_PID",
    "DONE",
    "ENDED_NS",
    "HEARD",
    "MAP_BYTES",
    "N_SLOTS",
    "PEAK_BYTES",
    "STARTED_NS",
    "TASK",
    "Slots",
]

_SLOT_BYTES = 2 * PACKET_BYTES
# Which of its marks is what; the first are what a trace's record of a run is made of.
TASK = 0  # the task that the worker has begun last, written after
STARTED_NS = 1  # the nanoseconds of the monotonic clock at which it did
ENDED_NS = 2  # and at which the last task ended
PEAK_BYTES = 3  # the most memory that the worker has had by then
ATTEMPT_AND_PID = 4
DONE = 5  # the last task whose end it has reported
HEARD = 8  # the last task of whose end the driver has heard, which the driver writes: in another line of the cache
_TAIL_AT = 128
_WORDS = _SLOT_BYTES // 8
_FIRST_MARK = PACKET_BYTES // 8

# Virtual only: a slot's pages exist once a worker has used it.
N_SLOTS = 4096
_TIMED_AT = N_SLOTS * _SLOT_BYTES
MAP_BYTES = _TIMED_AT + mmap.PAGESIZE


class Slots:
    """The shared map; ``fd`` is its file, which is in memory only."""

    def __init__(self, fd: int | None = None) -> None:
        if fd is None:
            fd = os.memfd_create("orion-slots", os.MFD_CLOEXEC)
            os.ftruncate(fd, MAP_BYTES)
        self.fd = fd
        self._map = mmap.mmap(fd, MAP_BYTES)
        self._view = memoryview(self._map)
        self._words = self._view.cast("Q")
        self.timed = self._view[_TIMED_AT : _TIMED_AT + 1]
        """One byte: whether workers are to tell when they ran a task."""

    def packet(self, slot: int) -> memoryview:
        """Return where the worker of that slot reads its packets to."""
        start = slot * _SLOT_BYTES
        return self._view[start : start + PACKET_BYTES]

    def marks(self, slot: int) -> memoryview:
        """Return the words that say what the worker of that slot does."""
        start = slot * _WORDS + _FIRST_MARK
        return self._words[start : start + _TAIL_AT // 8]

    def record(self, slot: int) -> memoryview:
        """Return the marks that are the :data:`RECORD` of a run."""
        start = slot * _SLOT_BYTES + PACKET_BYTES
        return self._view[start : start + RECORD.size]

    def tail(self, slot: int) -> memoryview:
        """Return where the end of what the worker's task prints is kept."""
        start = slot * _SLOT_BYTES + PACKET_BYTES + _TAIL_AT
        return self._view[start : (slot + 1) * _SLOT_BYTES]

    def clear(self, slot: int) -> None:
        """Make the slot ready for a new worker."""
        start = slot * _SLOT_BYTES
        self._map[start : start + Packet.HEADER.size] = bytes(Packet.HEADER.size)
        end = start + PACKET_BYTES
        self._map[end : end + _TAIL_AT] = bytes(_TAIL_AT)

    def header(self, slot: int) -> tuple[int, int, int]:
        """Return task, kind and form of the packet that the worker read last; zeros if it has read none."""
        return Packet.HEADER.unpack_from(self._map, slot * _SLOT_BYTES)[:3]

    def running(self, slot: int) -> int:
        """Return the task that the worker has begun and whose end it has not reported; 0 if there is none."""
        task, kind, _ = self.header(slot)
        return task if kind == Packet.RUN and task != self._words[slot * _WORDS + _FIRST_MARK + DONE] else 0

    def set_heard(self, slot: int, task: int) -> None:
        """Note that the driver has heard of a task's end, before anybody else does."""
        self._words[slot * _WORDS + _FIRST_MARK + HEARD] = task

    def started_ns(self, slot: int, task: int) -> int:
        """Return when that task was started, in nanoseconds of the monotonic clock; 0 if it is not known yet."""
        marks = self.marks(slot)
        return marks[STARTED_NS] if marks[TASK] == task else 0

    def started(self, slot: int, task: int) -> float | None:
        """Return when that task was started, in seconds of the monotonic clock; ``None`` if it is not known yet."""
        return self.started_ns(slot, task) / 1e9 or None

    def close(self) -> None:
        self._words.release()
        self.timed.release()
        self._view.release()
        self._map.close()
        os.close(self.fd)
