"""How packets get into the task pipe and out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from orion.executor._process.wire import PACKET_BYTES, Form, Packet, PacketWriter

pytestmark = pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="pipes of packets are Linux's")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
    yield read, write
    os.close(read)
    os.close(write)


def run(task: int, body: bytes = b"call", name: str = "") -> bytes:
    return Packet.run(task, Form.INLINE, 1, name, body)


def read_all(fd: int) -> list[tuple[int, str, bytes]]:
    """Return task, name and body of each packet."""
    found = []
    memory = memoryview(bytearray(PACKET_BYTES))
    try:
        while os.readv(fd, [memory]):
            task, kind, form, length, attempt, name_length = Packet.HEADER.unpack_from(memory)
            assert (kind, form, attempt) == (Packet.RUN, Form.INLINE, 1)
            found.append((task, *Packet.content(memory, length, name_length)))
    except BlockingIOError:
        return found
    raise AssertionError("the pipe was closed")


def test_packets_that_are_written_together_are_read_one_by_one(pipe: tuple[int, int]) -> None:
    read, write = pipe
    bodies = [b"x" * 3000, b"", b"short", b"y" * 100]
    assert PacketWriter(write).write([run(task, body, "né") for task, body in enumerate(bodies)]) == len(bodies)
    assert read_all(read) == [(task, "né", body) for task, body in enumerate(bodies)]


def test_as_many_are_written_as_there_is_room_for(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = PacketWriter(write)
    packets = [run(task) for task in range(PacketWriter.MOST)]
    sent = 0
    while count := writer.write(packets[sent % len(packets) :]):
        sent += count
    assert writer.write(packets[:1]) == 0
    tasks = [task for task, _, _ in read_all(read)]
    assert len(tasks) == sent
    assert tasks == [number % len(packets) for number in range(sent)]
    assert writer.write(packets[:3]) == 3


def test_a_name_that_is_too_long_is_cut() -> None:
    packet = run(1, b"call", "é" * 200)
    *_, length, _, name_length = Packet.HEADER.unpack_from(packet)
    assert length == len(packet)
    assert Packet.content(memoryview(packet), length, name_length) == ("é" * 127, b"call")
