"""A host of the Ray engine, called as Ray calls it, without any Ray."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from orion.executor._core import payload
from orion.executor._ray import shortcut
from orion.executor._ray.host import Host
from orion.executor._ray.messages import Message, ToDriver, ToHost, pack, unpack
from orion.executor.testing import tasks

PATIENCE = 60.0


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host(sys.path, None, 1.0, 0.0)
    yield host
    host._engine.close()
    if host._name is not None and (connection := shortcut.connect(host._name)) is not None:
        connection.close()  # it waits for one


def begin(number: int, function: Callable[..., Any], *args: Any) -> Message:
    """Return the message that runs a task."""
    return (ToHost.RUN, number, ("task", None, None, None, None), 1, payload.dumps_call(function, args, {}), 0)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def said(*calls: Future[Any]) -> list[Message]:
    """Return kind and run of what the host has said."""
    answers = [unpack(call.result(PATIENCE)) for call in calls]
    return [message[:2] for answer in answers if answer is not None for message in answer[-1]]


def test_calls_that_overtake_each_other_are_heeded_in_order(host: Host, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        stop = threads.submit(host.exchange, pack((1, [(ToHost.STOP, 7)])))
        wait_until(lambda: host._turn > 0)
        start = threads.submit(host.exchange, pack((0, [begin(7, tasks.wait_for_file, tmp_path / "never")])))
        assert said(stop, start) == [(ToDriver.ENDED, 7)]


def test_a_task_is_stopped_though_the_call_that_begins_it_has_not_ended(host: Host, tmp_path: Path) -> None:
    """So soon can its first sign of life have reached the driver, and the driver's wish to stop it the host."""
    original = host._engine.begin
    stops: list[Future[Any]] = []

    def begin_and_be_told_to_stop(*args: Any) -> Any:
        future = original(*args)
        stops.append(threads.submit(host.exchange, pack((1, [(ToHost.STOP, 7)]))))
        wait(stops, 0.2)  # by then it was heeded, if that is possible
        return future

    host._engine.begin = begin_and_be_told_to_stop  # type: ignore[method-assign,assignment]  # to come in between
    with ThreadPoolExecutor() as threads:
        start = threads.submit(host.exchange, pack((0, [begin(7, tasks.wait_for_file, tmp_path / "never")])))
        try:
            start.result(PATIENCE)
            assert said(start, *stops) == [(ToDriver.ENDED, 7)]
        finally:
            host._engine.close()  # else the calls would go on waiting


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="there are no such sockets here")
def test_what_is_small_takes_the_shortcut_and_what_is_large_does_not(host: Host) -> None:
    assert host._name is not None
    connection = shortcut.connect(host._name)
    assert connection is not None
    with connection, ThreadPoolExecutor() as threads:
        connection.setblocking(True)
        wait_until(lambda: host._shortcut is not None)
        connection.send(pack((0, [(ToHost.HELLO, 5)])))
        assert unpack(connection.recv(shortcut.ROOM)) == (5, 0, 0, ((ToDriver.READY, os.getpid(), host._name),))
        connection.send(pack((1, [begin(7, tasks.identity, "small")])))
        assert unpack(connection.recv(shortcut.ROOM))[3][0][:2] == (ToDriver.ENDED, 7)
        connection.send(pack((2, [begin(8, bytes, 100_000)])))
        call = threads.submit(host.exchange, pack((3, [])))
        user, number, _, messages = unpack(call.result(PATIENCE))
        assert (user, number, messages[0][:2]) == (5, 2, (ToDriver.ENDED, 8))
