"""The way of what tasks print and log, where it differs from engine to engine."""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
from typing import Any

import pytest

from orion.executor import OptionNotSupported, create_executor
from orion.executor.base import BaseExecutor
from orion.executor.testing import tasks

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sockets with abstract names")


def print_in_c() -> None:
    import ctypes

    ctypes.CDLL(None).printf(b"from C\n")


@on_linux
def test_what_c_code_prints_is_captured() -> None:
    with create_executor("process", n_workers=1) as executor:
        future = executor.options(output="capture").submit(print_in_c)
        future.get()
        assert future.output == "from C\n"


@pytest.mark.parametrize("engine", ["process", "thread", "single"])
def test_output_can_be_read_when_the_executor_is_closed(engine: str) -> None:
    with create_executor(engine, n_workers=1) as executor:
        future = executor.options(output="capture").submit(print, "kept")
    assert future.output == "kept\n"


def test_what_other_threads_print_is_not_captured(capsys: pytest.CaptureFixture[str]) -> None:
    with create_executor("thread", n_workers=2) as executor:
        futures = [executor.options(output="capture").submit(tasks.print_lines, number, 100) for number in range(4)]
        for _ in range(100):
            print("mine")
        for number, future in enumerate(futures):
            future.get()
            assert len(future.output.splitlines()) == 200
            assert all(line.startswith(f"{number}: ") for line in future.output.splitlines())
    assert capsys.readouterr().out == "mine\n" * 100
    assert type(sys.stdout).__name__ != "_Router"


def knock(executor: BaseExecutor, *messages: bytes) -> None:
    """Send to the executor's outlet what no worker of it would."""
    assert executor._outlet is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(executor._outlet.address)
        for message in messages:
            line.send(message)
        read, write = os.pipe()
        socket.send_fds(line, [b"{}"], [read])
        os.close(read)
        os.close(write)


@on_linux
def test_what_is_no_message_of_a_worker_is_passed_over() -> None:
    with create_executor("process", n_workers=1) as executor:
        captured = executor.options(output="capture", logs="INFO")
        assert captured.submit(print, "one").get() is None
        knock(
            executor,
            b"garbage",
            b"[]",
            b'{"task": 1}',
            b'{"task": "x", "name": "y"}',
            b"\xff\x00",
            b'{"task":1,"name":"n"}',
        )
        future = captured.submit(print, "two")
        future.get()
        assert future.output == "two\n"


@on_linux
def test_lines_that_end_while_output_is_read_are_passed_over() -> None:
    """Both the outlet's thread and whoever reads a future's output take in what has been written."""
    with create_executor("process", n_workers=1) as executor:
        future = executor.options(output="capture").submit(print, "one")
        future.get()
        for _ in range(300):
            knock(executor)
            assert future.output == "one\n"


def ask_for_output(executor: BaseExecutor) -> Any:
    try:
        executor.options(output="capture")
    except OptionNotSupported as error:
        return str(error)
    return None


@on_linux
def test_a_task_is_told_that_what_it_submits_prints_elsewhere() -> None:
    with create_executor("process", n_workers=1) as executor:
        assert "where its worker does" in executor.submit(ask_for_output, executor).get()


@on_linux
def test_the_thread_ends_with_an_executor_that_nobody_closes() -> None:
    executor = create_executor("process", n_workers=1)
    executor.options(output="capture").submit(print, "one").get()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "orion-output"]
    del executor
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()


@on_linux
def test_output_of_many_tasks_in_one_worker_is_told_apart() -> None:
    with create_executor("process", n_workers=2) as executor:
        futures = [executor.options(output="capture").submit(tasks.print_lines, number, 2) for number in range(200)]
        executor.wait(futures)
        for number, future in enumerate(futures):
            assert future.output.splitlines()[0] == f"{number}: out 0"
            assert len(future.output.splitlines()) == 4
