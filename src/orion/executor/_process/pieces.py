"""What is larger than a packet, where no segment can be made: it travels in pieces, which is slower.

So it is where files may not be large (``ulimit -f`` holds for memory files, too) and where descriptors have run out.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from pickle import PickleBuffer

__all__ = ["cut", "put_together"]

_WORD = struct.Struct("<Q")


def cut(parts: Sequence[bytes | memoryview | PickleBuffer], room: int) -> Iterator[bytes]:
    """Yield buffers, of which the first is the pickle, as pieces of at most ``room`` bytes."""
    views = [part.raw() if isinstance(part, PickleBuffer) else memoryview(part).cast("B") for part in parts]
    head = b"".join(map(_WORD.pack, [len(views), *(view.nbytes for view in views)]))
    for view in (memoryview(head), *views):
        for start in range(0, view.nbytes, room):
            yield bytes(view[start : start + room])


def put_together(content: bytearray) -> tuple[memoryview, list[memoryview]]:
    """Return the pickle and the buffers that were cut; they can be written."""
    (count,) = _WORD.unpack_from(content)
    sizes = [size for (size,) in _WORD.iter_unpack(content[_WORD.size : _WORD.size * (1 + count)])]
    ends = list(itertools.accumulate(sizes, initial=_WORD.size * (1 + count)))
    view = memoryview(content)
    if not count:
        return memoryview(b""), []
    # Each in memory of its own, since numbers in it should be aligned.
    pickled, *buffers = (memoryview(bytearray(view[start:end])) for start, end in itertools.pairwise(ends))
    return pickled, buffers
