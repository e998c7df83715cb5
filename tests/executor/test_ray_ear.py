"""What the pump of the Ray engine hears, without any Ray."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from orion.executor._ray import shortcut
from orion.executor._ray.ear import Ear
from orion.executor._ray.in_order import InOrder

PATIENCE = 60.0


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.close()


def test_events_are_heard_in_the_order_in_which_they_were_told(ear: Ear) -> None:
    events = [lambda number=number: number for number in range(3)]
    for event in events:
        ear.tell(event)
    assert ear.hear(PATIENCE) == events
    assert ear.hear(0) == []


def test_an_event_wakes_who_hears(ear: Ear) -> None:
    teller = threading.Timer(0.05, ear.tell, (None,))
    teller.start()
    assert ear.hear(PATIENCE) == [None]
    teller.join()


def test_a_connection_is_heard_until_it_is_forgotten(ear: Ear) -> None:
    def event() -> None:
        pass

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ear.listen_to(ours, event)
        theirs.send(b"1")
        assert ear.hear(PATIENCE) == [event]
        ear.forget(ours)
        ear.forget(ours)
        assert ear.hear(0) == []


def test_what_is_told_after_the_end_is_of_no_consequence() -> None:
    ear = Ear()
    ear.close()
    ear.tell(None)


def test_numbers_are_put_in_order() -> None:
    order: InOrder[str] = InOrder()
    assert order.take(1, "b") == []
    assert order.take(0, "a") == ["a", "b"]
    assert order.take(2, "c") == ["c"]


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="there are no such sockets here")
class TestShortcut:
    def test_there_is_none_to_a_name_that_nobody_has_here(self) -> None:
        assert shortcut.connect(b"\0orion-ray-nobody") is None

    def test_packets_go_both_ways(self) -> None:
        listener = shortcut.listen()
        assert listener is not None
        driver = shortcut.connect(listener.getsockname())
        host = shortcut.meet(listener)
        assert driver is not None
        with driver, host:
            driver.send(b"run")
            host.send(b"ended")
            assert host.recv(shortcut.ROOM) == b"run"
            assert driver.recv(shortcut.ROOM) == b"ended"

    def test_another_users_process_is_not_trusted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if this process were another user's: it then differs from whom the kernel names."""
        listener = shortcut.listen()
        assert listener is not None
        name, uid = listener.getsockname(), os.getuid()
        with ThreadPoolExecutor() as threads, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
            monkeypatch.setattr(os, "getuid", lambda: uid + 1)
            met = threads.submit(shortcut.meet, listener)
            assert shortcut.connect(name) is None
            stranger.connect(name)
            stranger.settimeout(PATIENCE)
            assert stranger.recv(1) == b"", "sent away"
            monkeypatch.undo()
            driver = shortcut.connect(name)
            assert driver is not None
            with driver, met.result(PATIENCE) as host:
                host.send(b"hello")
                driver.setblocking(True)
                assert driver.recv(10) == b"hello"
