"""The driver's end of the line: a thread that answers what running trials ask."""

from __future__ import annotations

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from typing import Any, TypeAlias

from orion.experiment.line.address import Address
from orion.experiment.line.door import Door, Examine, LocalDoor, NetworkDoor
from orion.experiment.line.here import open_here, shut_here

__all__ = ["Answer", "Desk"]

Answer: TypeAlias = Callable[[str, Mapping[str, Any]], Any]
"""Answers a question (its name, its arguments) with what JSON can hold; what it raises is raised in the trial."""

_CHUNK = 1 << 16
_LONGEST_QUESTION = 1 << 24
_LONGEST_PROOF = 1 << 10
_SEND_TIMEOUT_S = 10.0
_STAY_S = 0.002  # within which a trial that has had one suggestion asks for the next, if it does so at once
_MOST_IN_A_ROW = 100
_FIRST_QUESTION_S = 0.005  # within which a trial that has just begun asks, if it does so first of all
_MOST_STRANGERS = 64
_JUNK = (ValueError, KeyError, TypeError, AttributeError)


class Desk:
    """Answers the questions of running trials, one at a time: those of other processes in a thread of its own.

    Trials that run in this process are answered in their own threads.

    :attr:`lock` is held while a question is answered. Whoever else uses the study holds it too, so that samplers and
    storages, which know nothing of threads, are never used by two at once.

    Parameters
    ----------
    place
        An address of this machine, ``HOST`` or ``HOST:PORT``, that trials on other machines reach; ``None`` if there
        are none: then only this machine can.
    held
        Makes a context in which the main thread is not interrupted; it is answered within one.

    Raises
    ------
    ArgumentError
        If this machine cannot listen there.
    """

    def __init__(
        self, place: str | None = None, held: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self.lock = threading.RLock()
        self._held = held
        self._answers: dict[str, Answer] = {}
        self._first_questions: dict[str, tuple[threading.Event, float]] = {}  # of the first, and when it comes at last
        self._door: Door = LocalDoor() if place is None else NetworkDoor(place)
        self.address: Address = self._door.address
        self._strangers: list[_Caller] = []
        try:
            self._stop, self._stopped = socket.socketpair()
        except BaseException:
            self._door.close()
            raise
        self._thread = threading.Thread(target=self._serve, name="orion-desk", daemon=True)
        self._thread.start()
        open_here(self.address, self._reply_here)

    def admit(self, key: str, answer: Answer) -> None:
        """Answer questions asked under ``key`` from now on."""
        self._first_questions[key] = threading.Event(), time.monotonic() + _FIRST_QUESTION_S
        self._answers[key] = answer

    def attend(self, key: str) -> None:
        """Wait for the first question asked under ``key``, but no longer than one takes that is asked at once.

        For who would go on to something long under the lock: the trial would be kept from its work meanwhile.
        """
        was_asked, at_last = self._first_questions[key]
        if not was_asked.is_set():
            was_asked.wait(max(0, at_last - time.monotonic()))

    def dismiss(self, key: str) -> None:
        """Answer them no longer; once this returns, none is being answered."""
        with self.lock:
            self._answers.pop(key, None)
            self._first_questions.pop(key, None)

    def close(self) -> None:
        """Answer nothing any more, and give back the thread and the socket. Again does nothing."""
        shut_here(self.address)
        self._stop.close()
        self._thread.join()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, self._stopped:
            selector.register(self._door.listener, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            try:
                while self._serve_ready(selector):
                    pass
            finally:
                for key in list(selector.get_map().values()):
                    if isinstance(key.data, _Caller):
                        key.data.link.close()
                self._door.close()

    def _serve_ready(self, selector: selectors.BaseSelector) -> bool:
        """Wait for questions and answer them; false if the desk is closing."""
        for key, _ in selector.select():
            if key.fileobj is self._stopped:
                return False
            if key.fileobj is self._door.listener:
                self._receive(selector)
            elif key.data.link.fileno() >= 0 and not self._hear(key.data):
                self._hang_up(selector, key.data)
        return True

    def _receive(self, selector: selectors.BaseSelector) -> None:
        """Take a caller, unless it may not be heard; who has proved nothing may not crowd out the others."""
        try:
            link, _address = self._door.listener.accept()
        except OSError:  # the caller has gone already, or no descriptor is left
            return
        try:
            link.settimeout(_SEND_TIMEOUT_S)
            greeting, examine = self._door.receive(link)
            if greeting is not None:
                link.sendall(_line(greeting))
        except OSError:  # it may not be heard, or it has gone
            link.close()
            return
        caller = _Caller(link, examine)
        selector.register(link, selectors.EVENT_READ, caller)
        if examine is not None:
            self._strangers.append(caller)
            if len(self._strangers) > _MOST_STRANGERS:
                self._hang_up(selector, self._strangers[0])

    def _hang_up(self, selector: selectors.BaseSelector, caller: _Caller) -> None:
        with suppress(ValueError):
            self._strangers.remove(caller)
        selector.unregister(caller.link)
        caller.link.close()

    def _hear(self, caller: _Caller) -> bool:
        """Answer the whole questions that have arrived from a caller; false if there will be no more.

        A trial that has had a suggestion mostly asks for the next one at once. The lock is kept for it, since whoever
        takes it in between may have it for long, and all that time the trial could not do its work.
        """
        with ExitStack() as kept:
            try:
                for turn in range(_MOST_IN_A_ROW):
                    questions = caller.read(_STAY_S if turn else _SEND_TIMEOUT_S)
                    goes_on = False
                    for question in map(json.loads, questions or ()):
                        goes_on = caller.examine is None and question["ask"].startswith("suggest_")
                        if goes_on:
                            kept.enter_context(self.lock)
                        else:
                            kept.close()
                        caller.link.sendall(self._reply(caller, question))
                    if not goes_on:
                        return questions is not None
            except (OSError, *_JUNK):  # it has gone, or it is no trial of ours
                return False
        time.sleep(_STAY_S)  # let others have the lock
        return True

    def _reply(self, caller: _Caller, question: dict[str, Any]) -> bytes:
        if caller.examine is not None:
            passed = caller.examine(question)
            caller.examine = None
            self._strangers.remove(caller)
            return _line(passed)
        return self._answer(question)

    def _reply_here(self, line: bytes) -> bytes:
        is_main = threading.current_thread() is threading.main_thread()
        with self._held() if is_main else nullcontext():
            return self._answer(json.loads(line))

    def _answer(self, question: dict[str, Any]) -> bytes:
        with self.lock:
            answer = self._answers.get(question["trial"])
            if answer is None:
                return _line({"over": True})
            self._first_questions[question["trial"]][0].set()
            try:
                return _line({"value": answer(question["ask"], question["arguments"])})
            except Exception as error:  # noqa: BLE001 - a sampler or pruner of the user's may raise anything
                return _line({"error": type(error).__name__, "message": str(error)})


class _Caller:
    """One connection: a trial's, or one of several that it has."""

    def __init__(self, link: socket.socket, examine: Examine | None) -> None:
        self.link = link
        self.examine = examine
        """What it has to pass first."""
        self._rest = bytearray()

    def read(self, within: float = _SEND_TIMEOUT_S) -> list[bytearray] | None:
        """Return the whole lines that have arrived, or arrive now; ``None`` at the end."""
        self.link.settimeout(within)
        try:
            chunk = self.link.recv(_CHUNK)
        except TimeoutError:
            return []
        finally:
            self.link.settimeout(_SEND_TIMEOUT_S)
        if not chunk:
            return None
        self._rest += chunk
        lines: list[bytearray] = []
        if b"\n" in chunk:
            *lines, self._rest = self._rest.split(b"\n")
        if len(self._rest) > (_LONGEST_QUESTION if self.examine is None else _LONGEST_PROOF):
            raise ValueError("a question without an end")
        return lines


def _line(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"
