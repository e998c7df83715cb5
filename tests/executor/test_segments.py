"""Memory for what is larger than a packet."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from orion.executor._process import segments

LARGE = bytes(range(256)) * 4096


@pytest.fixture
def keeping() -> Iterator[None]:
    segments.begin_keeping()
    yield
    segments.end_keeping()


def written(*parts: bytes) -> tuple[int, int]:
    """Write a segment; return its descriptor and what tells it from others."""
    fd = segments.write(parts)
    return fd, os.fstat(fd).st_ino


def test_what_was_written_is_read() -> None:
    fd, _ = written(b"pickle", LARGE, b"")
    data, buffers = segments.read(fd, private=True)
    os.close(fd)
    assert bytes(data) == b"pickle"
    assert list(map(bytes, buffers)) == [LARGE, b""]


def test_private_changes_are_not_seen_by_others() -> None:
    fd, _ = written(b"", LARGE)
    _, (mine,) = segments.read(fd, private=True)
    mine[:] = bytes(len(LARGE))
    _, (theirs,) = segments.read(fd, private=True)
    assert bytes(theirs) == LARGE
    os.close(fd)


@pytest.mark.usefixtures("keeping")
def test_a_segment_is_written_again_once_nobody_uses_it() -> None:
    fd, first = written(LARGE)
    os.close(fd)
    fd, second = written(LARGE)
    os.close(fd)
    assert first == second


@pytest.mark.usefixtures("keeping")
def test_a_segment_in_use_is_not_written_again() -> None:
    fd, first = written(b"", LARGE)
    _, (mapped,) = segments.read(fd, private=False)
    segments.hold(fd)
    other, second = written(b"", bytes(len(LARGE)))
    assert first != second
    assert bytes(mapped) == LARGE
    os.close(fd)
    os.close(other)


def test_nothing_is_kept_when_there_is_no_pool() -> None:
    """Submitting may write a segment just as the pool is being closed; conftest sees what is left."""
    fd, _ = written(LARGE)
    os.close(fd)


def test_what_is_kept_goes_with_the_last_pool() -> None:
    before = len(os.listdir("/proc/self/fd"))
    segments.begin_keeping()
    segments.begin_keeping()
    fd, _ = written(LARGE)
    os.close(fd)
    segments.end_keeping()
    assert len(os.listdir("/proc/self/fd")) == before + 1
    segments.end_keeping()
    assert len(os.listdir("/proc/self/fd")) == before
