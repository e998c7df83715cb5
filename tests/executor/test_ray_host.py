"""A host of the Ray engine, called as Ray calls it, without any Ray."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from orion.executor._core import payload
from orion.executor._ray.host import Host
from orion.executor._ray.messages import Message, ToDriver, ToHost, pack, unpack
from orion.executor.testing import tasks

PATIENCE = 60.0


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host(sys.path, 1.0, 0.0)
    yield host
    host._engine.close()


def run(number: int, path: Path) -> Message:
    """Return the message that runs a task that waits for a file."""
    call = payload.dumps_call(tasks.wait_for_file, (path,), {})
    return (ToHost.RUN, number, ("task", None, None, None, None), 1, call, 0)


def said(*calls: Future[Any]) -> list[Message]:
    """Return kind and run of what the host has said."""
    return [message[:2] for call in calls for message in unpack(call.result(PATIENCE))[1]]


def test_calls_that_overtake_each_other_are_heeded_in_order(host: Host, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        stop = threads.submit(host.exchange, 1, pack([(ToHost.STOP, 7)]))
        while host._turn == 0:
            threading.Event().wait(0.001)
        start = threads.submit(host.exchange, 0, pack([run(7, tmp_path / "never")]))
        assert said(stop, start) == [(ToDriver.ENDED, 7)]


def test_a_task_is_stopped_though_the_call_that_begins_it_has_not_ended(host: Host, tmp_path: Path) -> None:
    """So soon can its first sign of life have reached the driver, and the driver's wish to stop it the host."""
    begin = host._engine.begin
    stops: list[Future[Any]] = []

    def begin_and_be_told_to_stop(*args: Any) -> Any:
        future = begin(*args)
        stops.append(threads.submit(host.exchange, 1, pack([(ToHost.STOP, 7)])))
        wait(stops, 0.2)  # by then it was heeded, if that is possible
        return future

    host._engine.begin = begin_and_be_told_to_stop  # type: ignore[method-assign]  # to come in between
    with ThreadPoolExecutor() as threads:
        start = threads.submit(host.exchange, 0, pack([run(7, tmp_path / "never")]))
        try:
            start.result(PATIENCE)
            assert said(start, *stops) == [(ToDriver.ENDED, 7)]
        finally:
            host._engine.close()  # else the calls would go on waiting
