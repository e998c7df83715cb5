"""The trial's end of the line. It runs in the workers: it imports nothing heavy."""

from __future__ import annotations

import builtins
import json
import os
import socket
import threading
from typing import Any

from orion.experiment.errors import ExperimentError
from orion.experiment.line.address import Address, NetworkAddress
from orion.experiment.line.here import desk_here

__all__ = ["Caller", "TrialOver"]


class TrialOver(BaseException):
    """Raised in an objective that still asks after its trial was ended by the driver; nobody waits for its result.

    Like ``asyncio.CancelledError`` it is no ``Exception``, so that objectives which catch those end too.
    """


class Caller:
    """Asks the driver of a running trial; every method may be called from any thread, and after a fork.

    Parameters
    ----------
    address
        Where the driver listens; ``None`` if there is nobody to ask.
    key
        Which trial asks.
    """

    def __init__(self, address: Address | None, key: str) -> None:
        self._address = address
        self._key = key
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self._owner = 0
        self._rest = b""

    def ask(self, question: str, **arguments: Any) -> Any:
        """Ask, and wait for the answer.

        Raises
        ------
        TrialOver
            If the driver has ended the trial.
        ExperimentError
            If the driver cannot be reached.
        Exception
            What the driver's answer is: a built-in exception of the same name, or ``ExperimentError``.
        """
        line = json.dumps({"trial": self._key, "ask": question, "arguments": arguments}).encode() + b"\n"
        here = desk_here(self._address)
        reply = json.loads(self._ask_elsewhere(line) if here is None else here(line))
        if "over" in reply:
            raise TrialOver(f"{self._key} was ended by its driver")
        if "error" in reply:
            raise _exception(reply["error"], reply["message"])
        return reply["value"]

    def close(self) -> None:
        """End the connection, if there is one."""
        with self._lock:
            self._hang_up()

    def _ask_elsewhere(self, line: bytes) -> bytes:
        with self._lock:
            try:
                return self._exchange(line)
            except OSError as error:
                self._hang_up()
                raise ExperimentError(self._unreachable(error)) from error
            except BaseException:  # Ctrl-C: an answer that comes late must not be taken for that of another question
                self._hang_up()
                raise

    def _exchange(self, line: bytes) -> bytes:
        if self._link is None or self._owner != os.getpid():  # a fork must not read its parent's answers
            return self._exchange_on(self._connect(), line)
        try:
            return self._exchange_on(self._link, line)
        except OSError:  # networks forget connections; and every question may be asked again
            return self._exchange_on(self._connect(), line)

    def _connect(self) -> socket.socket:
        self._hang_up()
        if self._address is None:
            raise ConnectionRefusedError("there is none")
        self._link = self._address.connect()
        self._owner = os.getpid()
        return self._link

    def _exchange_on(self, link: socket.socket, line: bytes) -> bytes:
        link.sendall(line)
        while b"\n" not in self._rest:
            chunk = link.recv(1 << 16)
            if not chunk:
                raise ConnectionError("it has ended")
            self._rest += chunk
        reply, _, self._rest = self._rest.partition(b"\n")
        return reply

    def _unreachable(self, error: OSError) -> str:
        if isinstance(self._address, NetworkAddress):
            return (
                f"{self._key} on {socket.gethostname()} cannot reach its driver at {self._address.host}, port "
                f"{self._address.port}: {error}. Tell the driver to listen at an address that the workers reach: "
                "--address HOST:PORT, in Python address="
            )
        return (
            f"{self._key} cannot reach its driver on {socket.gethostname()}: {error}. Unless the engine says that its "
            "workers are elsewhere, the driver listens on its own machine only: --address HOST, in Python address="
        )

    def _hang_up(self) -> None:
        self._rest = b""
        if self._link is not None:
            self._link.close()
            self._link = None


def _exception(name: str, message: str) -> Exception:
    """Return what the driver raised: of its own type if that is a built-in one."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        return kind(message)
    return ExperimentError(f"{name}: {message}")
