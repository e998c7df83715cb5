"""What is larger than a packet: memory of its own, that lives as long as somebody uses it.

A segment is an anonymous file in memory (memfd_create(2)) that is written and then passed on. It has
no name, so nothing has to be cleaned up: the kernel frees it with its last descriptor or map, however
its users end. The receiver maps a large one, so arrays arrive without being copied.

Layout: the number of parts, their sizes, then the parts, each at a multiple of 64 bytes. The first part is the
pickle, the others are its out-of-band buffers (PEP 574).

Fresh memory is several times slower to write than memory that was written before, so a process keeps a few
of the segments it made, for as long as it has a pool or belongs to one. Whether one is still in use is the
kernel's to know: who uses a segment holds a shared flock(2) on a file description of its own, which ends with its
last descriptor or map, also when the process is killed. A segment is written again only if nobody holds one.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import pickle
import resource
import struct
import threading
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["begin_keeping", "end_keeping", "hold", "read", "write"]

_ALIGNMENT = 64
_WORD = struct.Struct("<Q")

# Below this a copy is faster than a map.
_COPY_BYTES = 1 << 18
_KEEP_SEGMENTS = 8
_PIECE_BYTES = 1 << 20


class _Kept:
    """A segment that this process has made and keeps."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.fd = os.memfd_create("orion-segment", os.MFD_CLOEXEC)
        self._map: mmap.mmap | None = None
        try:
            os.ftruncate(self.fd, size)
        except BaseException:
            os.close(self.fd)
            raise

    def view(self) -> memoryview | None:
        """Return its memory, if it is mapped or can be: copying to where one has written before is fastest."""
        if self._map is None and self.size >= _COPY_BYTES:
            with contextlib.suppress(OSError, ValueError):  # there may be no room in the address space
                self._map = mmap.mmap(self.fd, self.size)
        return None if self._map is None else memoryview(self._map)

    def close(self) -> None:
        self._map = None  # goes when nobody writes to it any more
        os.close(self.fd)


class _Store:
    """The segments that this process has made and keeps, the one used last at the end."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._keepers = 0
        self._lock = threading.Lock()

    def lease(self, size: int) -> tuple[int, memoryview | None]:
        """Return a descriptor of a segment of at least ``size`` bytes that nobody else uses.

        If it was written before, its memory may be returned, too. Fresh memory is better written by a system call,
        which fails when there is none left, where an assignment would end the process.
        """
        with self._lock:
            for index, kept in enumerate(self._kept):
                if size <= kept.size <= 4 * size and _unused(kept.fd):
                    self._kept.append(self._kept.pop(index))
                    return _leased(kept.fd), kept.view()
            made = _Kept(size)
            try:
                lease = _leased(made.fd)
            except BaseException:
                made.close()
                raise
            if not self._keepers:  # written by submit as the pool was being closed
                made.close()
                return lease, None
            self._kept.append(made)
            while len(self._kept) > _KEEP_SEGMENTS or sum(kept.size for kept in self._kept) > _keep_bytes():
                self._kept.pop(0).close()
            return lease, None

    def count_keeper(self, change: int) -> None:
        """Count who wants segments to be kept; with the last one gone, close them."""
        with self._lock:
            self._keepers += change
            if not self._keepers:
                self.close_all()

    def close_all(self) -> None:
        for kept in self._kept:
            kept.close()
        self._kept.clear()


@lru_cache(maxsize=1)
def _keep_bytes() -> int:
    """Return how much may be kept: so much that the workers of all CPUs together keep an eighth of the memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1 << 28, memory // (8 * (os.cpu_count() or 1)))


_store = _Store()


def _after_fork() -> None:
    """Give a forked process a store of its own: the parent's lock may be held, and its segments are not ours."""
    global _store
    parents, _store = _store, _Store()
    parents.close_all()


os.register_at_fork(after_in_child=_after_fork)


def begin_keeping() -> None:
    """Keep segments for the next use, until :func:`end_keeping` was called as often as this."""
    _store.count_keeper(1)


def end_keeping() -> None:
    """Give back the memory of what is kept, unless others want it to be kept."""
    _store.count_keeper(-1)


def write(parts: Sequence[bytes | memoryview | pickle.PickleBuffer]) -> int:
    """Write buffers into a segment and return a descriptor of it, which is the caller's to close.

    Raises
    ------
    OSError
        If there is no memory or no descriptor left.
    """
    views = [part.raw() if isinstance(part, pickle.PickleBuffer) else memoryview(part) for part in parts]
    sizes = [view.nbytes for view in views]
    places = _places(sizes)
    fd, memory = _store.lease(places[-1] + sizes[-1])
    try:
        os.pwrite(fd, b"".join(map(_WORD.pack, [len(sizes), *sizes])), 0)
        for view, place in zip(views, places, strict=True):
            if memory is None:
                _write_all(fd, view, place)
            else:
                _copy_all(memory, view, place)
    except BaseException:
        os.close(fd)
        raise
    return fd


def hold(fd: int) -> None:
    """Keep a segment from being written again while this descriptor, or a map of it, exists."""
    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def read(fd: int, *, private: bool) -> tuple[memoryview, list[memoryview]]:
    """Return the pickle and the buffers of a segment; the descriptor can be closed then.

    Parameters
    ----------
    fd
        A descriptor that holds the segment.
    private
        Whether what is changed in the buffers must not show in the segment, since it may be read again.
    """
    (count,) = _WORD.unpack(os.pread(fd, _WORD.size, 0))
    sizes = [size for (size,) in _WORD.iter_unpack(os.pread(fd, _WORD.size * count, _WORD.size))]
    places = _places(sizes)
    size = places[-1] + sizes[-1]
    content = memoryview(_map(fd, size, private) or _copy(fd, size))
    parts = [content[place : place + n] for place, n in zip(places, sizes, strict=True)]
    return parts[0], parts[1:]


def _unused(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True


def _leased(fd: int) -> int:
    """Return a descriptor with a file description of its own, which holds the segment."""
    lease = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
    hold(lease)
    return lease


def _map(fd: int, size: int, private: bool) -> mmap.mmap | None:
    """Map a segment; ``None`` where a copy is better: if it is small, or descriptors or maps run short."""
    # A map holds a descriptor (before Python 3.13), and the user's own files need some, too.
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if size < _COPY_BYTES or (limit != resource.RLIM_INFINITY and fd > limit // 2):
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


def _copy_all(memory: memoryview, view: memoryview, place: int) -> None:
    """Copy in pieces, since other threads stand still while one is copied."""
    source = view.cast("B")
    for start in range(0, len(source), _PIECE_BYTES):
        piece = source[start : start + _PIECE_BYTES]
        memory[place + start : place + start + len(piece)] = piece


def _places(sizes: Sequence[int]) -> list[int]:
    """Return where each part begins."""
    places = []
    end = _WORD.size * (1 + len(sizes))
    for size in sizes:
        place = -(-end // _ALIGNMENT) * _ALIGNMENT
        places.append(place)
        end = place + size
    return places
