"""The start and the end of a worker's process, and of those that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import Any

from orion.executor._process.command import command

__all__ = ["WorkerProcess", "end_tree"]

_LOOK_AGAIN_SECONDS = 0.02


class WorkerProcess:
    """A worker's process as the driver holds it.

    Parameters
    ----------
    theirs
        The worker's end of the line; still the caller's to close.
    device
        Which of the devices the worker sees.
    environ
        Its environment.
    when_ended
        Called, in another thread, when the worker has ended and all that it had started was killed.
    """

    def __init__(
        self, theirs: socket.socket, device: int, environ: Mapping[str, str], when_ended: Callable[[], object]
    ) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._killed = threading.Event()
        self._when_ended = when_ended
        self._process = subprocess.Popen(
            command("orion.executor._portable.worker", theirs.fileno(), device),
            stdin=subprocess.DEVNULL,
            env=environ,
            **_inheriting(theirs),
        )
        self.pid = self._process.pid
        self.exitcode: int | None = None
        self._waiter = threading.Thread(target=self._wait, name="orion-worker-end", daemon=True)
        try:
            self._waiter.start()
        except RuntimeError as error:
            self._process.kill()
            self._process.wait()
            raise OSError(str(error)) from error

    def end(self, *, gently: bool = False) -> None:
        """Kill the worker and what it has started; or ask them to end, which they may do one after the other."""
        with self._lock:
            self._asked = gently
            if not gently:
                self._killed.set()
            if self.exitcode is None:
                end_tree(self.pid, gently=gently)

    def join(self, timeout: float) -> None:
        """Wait until the end has been heard of, at most ``timeout`` seconds."""
        self._waiter.join(timeout)

    def _wait(self) -> None:
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        with self._lock:
            if not self._asked:
                end_tree(self.pid)  # before the process is reaped and its number free for another, where possible
            self.exitcode = self._process.wait()
        if self._asked:
            self._let_tidy_up()
        self._when_ended()

    def _let_tidy_up(self) -> None:
        """Wait until what the worker left has ended, or is to be killed; till then its group keeps its number."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while not self._killed.wait(_LOOK_AGAIN_SECONDS):
                os.killpg(self.pid, 0)
            os.killpg(self.pid, signal.SIGKILL)


def end_tree(pid: int, *, gently: bool = False) -> None:
    """Kill a worker and what it has started; or ask them to end, where that is possible."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: the latter if only zombies are left
            os.killpg(pid, signal.SIGTERM if gently else signal.SIGKILL)
        return
    subprocess.run(
        ["taskkill", "/T", "/F", "/PID", str(pid)],  # noqa: S607 - it is where Windows has it
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def _inheriting(theirs: socket.socket) -> dict[str, Any]:
    """Return how to start a process that inherits that socket only, and that Ctrl-C does not reach."""
    if hasattr(subprocess, "STARTUPINFO"):
        theirs.set_inheritable(True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [theirs.fileno()]})
        flags = subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined]  # it is there where STARTUPINFO is
        return {"startupinfo": startup, "creationflags": flags}
    return {"pass_fds": (theirs.fileno(),), "start_new_session": True}
