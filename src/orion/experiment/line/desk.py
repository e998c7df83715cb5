"""The driver's end of the line: a thread that answers what running trials ask."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

__all__ = ["Answer", "Desk"]

Answer: TypeAlias = Callable[[str, Mapping[str, Any]], Any]
"""Answers a question (its name, its arguments) with what JSON can hold; what it raises is raised in the trial."""

_CHUNK = 1 << 16
_LONGEST_QUESTION = 1 << 24
_SEND_TIMEOUT_S = 10.0


class Desk:
    """Answers the questions of running trials, one at a time, in a thread of its own.

    :attr:`lock` is held while a question is answered. Whoever else uses the study holds it too, so that samplers and
    storages, which know nothing of threads, are never used by two at once.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._answers: dict[str, Answer] = {}
        self._folder = tempfile.mkdtemp(prefix="orion-")  # for this user only
        try:
            self.address = os.path.join(self._folder, "desk")
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(self.address)
            self._listener.listen(128)
            self._stop, self._stopped = socket.socketpair()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._thread = threading.Thread(target=self._serve, name="orion-desk", daemon=True)
        self._thread.start()

    def admit(self, key: str, answer: Answer) -> None:
        """Answer questions asked under ``key`` from now on."""
        self._answers[key] = answer

    def dismiss(self, key: str) -> None:
        """Answer them no longer; once this returns, none is being answered."""
        with self.lock:
            self._answers.pop(key, None)

    def close(self) -> None:
        """Answer nothing any more, and give back the thread, the socket and its folder. Again does nothing."""
        self._stop.close()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener, self._stopped:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            try:
                while self._serve_ready(selector):
                    pass
            finally:
                for key in list(selector.get_map().values()):
                    if isinstance(key.data, _Caller):
                        key.data.link.close()

    def _serve_ready(self, selector: selectors.BaseSelector) -> bool:
        """Wait for questions and answer them; false if the desk is closing."""
        for key, _ in selector.select():
            if key.fileobj is self._stopped:
                return False
            if key.fileobj is self._listener:
                with suppress(OSError):  # the caller has gone already, or no descriptor is left
                    link, _address = self._listener.accept()
                    link.settimeout(_SEND_TIMEOUT_S)
                    selector.register(link, selectors.EVENT_READ, _Caller(link))
            elif not self._hear(key.data):
                selector.unregister(key.fileobj)
                key.data.link.close()
        return True

    def _hear(self, caller: _Caller) -> bool:
        """Answer the whole questions that have arrived from a caller; false if there will be no more."""
        try:
            questions = caller.read()
            for question in questions or ():
                caller.link.sendall(self._reply(json.loads(question)) + b"\n")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # it has gone, or it is no trial of ours
            return False
        return questions is not None

    def _reply(self, question: dict[str, Any]) -> bytes:
        with self.lock:
            answer = self._answers.get(question["trial"])
            if answer is None:
                return json.dumps({"over": True}).encode()
            try:
                return json.dumps({"value": answer(question["ask"], question["arguments"])}).encode()
            except Exception as error:  # noqa: BLE001 - a sampler or pruner of the user's may raise anything
                return json.dumps({"error": type(error).__name__, "message": str(error)}).encode()


class _Caller:
    """One connection: a trial's, or one of several that it has."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self._data = b""

    def read(self) -> list[bytes] | None:
        """Return the whole lines that have arrived; ``None`` at the end."""
        chunk = self.link.recv(_CHUNK)
        if not chunk:
            return None
        *lines, self._data = (self._data + chunk).split(b"\n")
        if len(self._data) > _LONGEST_QUESTION:
            raise ValueError("a question without an end")
        return lines
