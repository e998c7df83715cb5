"""The last that a task printed, kept where it survives the worker."""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["TAIL_BYTES", "Tee", "read_tail", "start_tail"]

TAIL_BYTES = 3000
_HEAD = struct.Struct("<I")  # how many bytes were written since the start


class Tee:
    """A text stream that also keeps the end of what is written in shared memory."""

    def __init__(self, stream: Any, memory: memoryview) -> None:
        self._stream = stream
        self._memory = memory
        self.flush = stream.flush

    def write(self, text: str) -> Any:
        keep(self._memory, text)
        return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def keep(memory: memoryview, text: str) -> None:
    """Append to what is kept, dropping the oldest."""
    data = text.encode("utf-8", "replace")[-TAIL_BYTES:]
    (written,) = _HEAD.unpack_from(memory)
    start = written % TAIL_BYTES
    first = min(len(data), TAIL_BYTES - start)
    at = _HEAD.size
    memory[at + start : at + start + first] = data[:first]
    memory[at : at + len(data) - first] = data[first:]
    # A multiple of the size is added where the count would overflow; only its remainder and "more than full" matter.
    written += len(data)
    _HEAD.pack_into(memory, 0, written if written < 1 << 31 else written % TAIL_BYTES + TAIL_BYTES)


def start_tail(memory: memoryview) -> None:
    """Forget what was kept."""
    _HEAD.pack_into(memory, 0, 0)


def read_tail(memory: memoryview, n_lines: int = 10) -> str:
    """Return the last lines that were kept."""
    (written,) = _HEAD.unpack_from(memory)
    content = bytes(memory[_HEAD.size : _HEAD.size + TAIL_BYTES])
    start = written % TAIL_BYTES
    data = content[:written] if written <= TAIL_BYTES else content[start:] + content[:start]
    return "\n".join(data.decode("utf-8", "replace").splitlines()[-n_lines:])
