"""What is larger than a packet: memory of its own, that lives as long as somebody uses it.

A segment is an anonymous file in memory (memfd_create(2)) that is written once and then passed on. It has
no name, so nothing has to be cleaned up: the kernel frees it with its last descriptor or map, however
its users end. The receiver maps a large one, so arrays arrive without being copied.

Layout: the number of parts, their sizes, then the parts, each at a multiple of 64 bytes. The first part is the
pickle, the others are its out-of-band buffers (PEP 574).
"""

from __future__ import annotations

import mmap
import os
import pickle
import resource
import struct
from collections.abc import Sequence

__all__ = ["read", "write"]

_ALIGNMENT = 64
_WORD = struct.Struct("<Q")

# Below this a copy is faster than a map.
_COPY_BYTES = 1 << 18


def write(parts: Sequence[bytes | memoryview | pickle.PickleBuffer]) -> int:
    """Write buffers into a new segment and return its descriptor, which is the caller's to close."""
    views = [part.raw() if isinstance(part, pickle.PickleBuffer) else memoryview(part) for part in parts]
    sizes = [view.nbytes for view in views]
    places = _places(sizes)
    fd = os.memfd_create("orion-segment", os.MFD_CLOEXEC)
    try:
        os.pwrite(fd, b"".join(map(_WORD.pack, [len(sizes), *sizes])), 0)
        for view, place in zip(views, places, strict=True):
            _write_all(fd, view, place)
        os.ftruncate(fd, max(os.fstat(fd).st_size, places[-1] + sizes[-1]))
    except BaseException:
        os.close(fd)
        raise
    return fd


def read(fd: int, *, private: bool) -> tuple[memoryview, list[memoryview]]:
    """Return the pickle and the buffers of a segment; the descriptor can be closed then.

    Parameters
    ----------
    fd
        The segment.
    private
        Whether what is changed in the buffers must not show in the segment, since it may be read again.
    """
    size = os.fstat(fd).st_size
    content = memoryview(_map(fd, size, private) or _copy(fd, size))
    (count,) = _WORD.unpack_from(content, 0)
    sizes = [_WORD.unpack_from(content, _WORD.size * (i + 1))[0] for i in range(count)]
    parts = [content[place : place + n] for place, n in zip(_places(sizes), sizes, strict=True)]
    return parts[0], parts[1:]


def _map(fd: int, size: int, private: bool) -> mmap.mmap | None:
    """Map a segment; ``None`` where a copy is better: if it is small, or descriptors or maps run short."""
    # A map holds a descriptor (before Python 3.13), and the user's own files need some, too.
    if size < _COPY_BYTES or fd > resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2:
        return None
    try:
        return mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE if private else mmap.MAP_SHARED)
    except OSError:
        return None


def _copy(fd: int, size: int) -> bytearray:
    content = bytearray(size)
    view = memoryview(content)
    done = 0
    while done < size:
        done += os.preadv(fd, [view[done:]], done)
    return content


def _write_all(fd: int, view: memoryview, place: int) -> None:
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], place + done)


def _places(sizes: Sequence[int]) -> list[int]:
    """Return where each part begins."""
    places = []
    end = _WORD.size * (1 + len(sizes))
    for size in sizes:
        place = -(-end // _ALIGNMENT) * _ALIGNMENT
        places.append(place)
        end = place + size
    return places
