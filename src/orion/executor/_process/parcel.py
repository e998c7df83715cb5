"""A call that is larger than a packet, kept by the driver until the task has ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pickle import PickleBuffer

from orion.executor._process import segments

__all__ = ["Parcel"]

# So many may be in segments before they are sent; each holds a descriptor. The others are kept as bytes.
_early = threading.Semaphore(64)


class Parcel:
    """A snapshot of a call: in a segment at once if that is possible, else when it is sent."""

    __slots__ = ("_fd", "_is_early", "_parts")

    def __init__(self, data: bytes, buffers: Sequence[PickleBuffer | memoryview]) -> None:
        self._parts: list[bytes] | None = None
        self._fd = -1
        self._is_early = _early.acquire(blocking=False)
        if self._is_early:
            try:
                self._fd = segments.write([data, *buffers])
                return
            except OSError:
                pass
        self._parts = [data, *(bytes(buffer) for buffer in buffers)]

    def place(self) -> bytes:
        """Return, as a packet's body, where the call is; it stays there while this object lives.

        Raises
        ------
        OSError
            If there is no memory or no descriptor left.
        """
        if self._fd < 0:
            assert self._parts is not None
            self._fd = segments.write(self._parts)
            self._parts = None
        return b"%d %d" % (self._fd, os.fstat(self._fd).st_ino)

    def content(self) -> list[bytes | memoryview]:
        """Return the call's pickle and its buffers.

        Raises
        ------
        OSError, MemoryError
            If there is no memory left.
        """
        if self._parts is not None:
            return [*self._parts]
        data, buffers = segments.read(self._fd, private=False)
        return [data, *buffers]

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        if self._is_early:
            _early.release()
