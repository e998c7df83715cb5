"""A call in a worker that another library has started, and how its end comes back.

What such a library carries both ways is bytes that it need not understand. So the exceptions of tasks do not meet its
own ways of wrapping them, and what cannot be loaded is told by the driver, of that task only.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from orion.executor._core import payload
from orion.executor._core.arrived import Arrived

__all__ = ["outcome_of", "packed", "run"]

_HEAD = struct.Struct("<?IQ")  # whether it returned, number of buffers, length of the pickle


def run(call: bytes, name: str, attempt: int) -> bytes:
    """Run a serialised call (see ``payload.dumps_call``); return how it ended, for :func:`outcome_of`.

    An empty name stands for the function's (see ``current_task``).
    """
    ok, data, _ = payload.execute(call, name=name, attempt=attempt, in_band=True)
    return packed(ok, data)


def packed(ok: bool, data: bytes | memoryview, buffers: Sequence[memoryview] = ()) -> bytes:
    """Return the end of a call for :func:`outcome_of`; the arguments are what ``arrived.encoded`` returns."""
    head = _HEAD.pack(ok, len(buffers), len(data))
    if not buffers:
        return head + data
    lengths = struct.pack(f"<{len(buffers)}Q", *(buffer.nbytes for buffer in buffers))
    return b"".join([head, lengths, data, *buffers])


def outcome_of(data: bytes) -> Arrived:
    """Return how a call ended that :func:`run` has run; it is loaded when somebody asks for it."""
    ok, n_buffers, length = _HEAD.unpack_from(data)
    lengths = struct.unpack_from(f"<{n_buffers}Q", data, _HEAD.size)
    # What a task has made can be written, so what arrives of it can be too.
    view = memoryview(bytearray(data)) if n_buffers else memoryview(data)
    start = _HEAD.size + 8 * n_buffers
    pickled, start = view[start : start + length], start + length
    buffers = []
    for size in lengths:
        buffers.append(view[start : start + size])
        start += size
    return Arrived(bool(ok), pickled, buffers)
