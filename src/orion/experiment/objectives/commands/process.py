"""Running a command and everything that it starts, and ending both."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

__all__ = ["CommandProcess", "NotStarted"]

GRACE_S = 2.0
"""Seconds between asking the processes to end and killing them."""

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 20
_ENDS_OF_LINES = re.compile(rb"[\r\n]+")  # progress bars write over the line


class NotStarted(Exception):
    """A command cannot be started."""


class CommandProcess:
    """A command that runs, in a session of its own.

    Parameters
    ----------
    arguments
        The command and its arguments, as they are to arrive.
    environment
        All its environment variables.
    stdout, stderr
        The files to write its output to.
    alone
        Whether this process runs nothing else: then all its other descendants are the command's too, also those that
        have left the session.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        stdout: Path,
        stderr: Path,
        *,
        alone: bool,
    ) -> None:
        self.peak_memory_gb: float | None = None
        self.returncode: int | None = None
        self._alone = alone
        self._arguments, self._environment, self._stderr = list(arguments), dict(environment), stderr
        self._process: subprocess.Popen[bytes] | None = None
        self._error: Exception | None = None
        self._is_settled = self._unwanted = False
        # Locks and no events: Ctrl-C while an event is waited for can leave it locked.
        self._go, self._begun = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._begun.acquire()
        self._log = open(stdout, "ab", 0)  # noqa: SIM115 - closed in __exit__
        self._keeper = threading.Thread(target=self._keep, name="orion-command", daemon=True)
        self._keeper.start()

    def __enter__(self) -> CommandProcess:  # noqa: PYI034 - typing's own Self is not in 3.10
        """Start the command, in another thread: Ctrl-C, which comes in this one, must not lose what just started.

        Raises
        ------
        NotStarted
            If there is no such program, or it may not be run.
        """
        try:
            self._go.release()
            self._begun.acquire()
            if self._error is not None:
                raise self._error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs, and wait until all of it is gone."""
        self._unwanted = True
        try:
            if not self._is_settled:
                self._begun.acquire(timeout=GRACE_S)
            if self._process is not None:
                self._end(self._process)
                self._pipe().close()
        finally:
            self._log.close()

    def read(self, heed: Callable[[str], object]) -> int:
        """Write its output to the files until it ends, calling ``heed`` with each line of standard output.

        Returns
        -------
        int
            Its exit status; for a signal the number, negative.
        """
        rest = b""
        while chunk := self._pipe().read(_CHUNK):
            self._log.write(chunk)
            *lines, rest = _ENDS_OF_LINES.split(rest + chunk)
            for line in lines:
                heed(line.decode("utf-8", "replace"))
            rest = rest[-_LONGEST_LINE:]
        if rest:
            heed(rest.decode("utf-8", "replace"))
        self._keeper.join()
        assert self.returncode is not None
        return self.returncode

    def _pipe(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def _keep(self) -> None:
        """Start the command, and wait for its end."""
        self._go.acquire()
        try:
            if not self._unwanted:
                self._process = self._start()
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits
            self._error = error
        finally:
            self._is_settled = True
            self._begun.release()
        if self._process is not None:
            self._reap(self._process)

    def _start(self) -> subprocess.Popen[bytes]:
        with open(self._stderr, "ab", 0) as errors:
            try:
                return subprocess.Popen(
                    self._arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    bufsize=0,
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise NotStarted(str(error)) from error

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the command's end; kill what it has left behind, which may hold the pipe open."""
        pid = process.pid
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        _signal_group(pid, signal.SIGKILL)  # before the group's number can belong to another
        _, status, usage = os.wait4(pid, 0)
        self.returncode = process.returncode = os.waitstatus_to_exitcode(status)
        self.peak_memory_gb = usage.ru_maxrss * 1024 / 1e9
        self._kill(self._strays(pid))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        strays = self._strays(process.pid) if self._keeper.is_alive() else []
        if self._keeper.is_alive():
            _signal_group(process.pid, signal.SIGTERM)
            self._keeper.join(GRACE_S)
        if self._keeper.is_alive():
            _signal_group(process.pid, signal.SIGKILL)
        self._kill(strays)
        self._keeper.join()

    def _strays(self, pid: int) -> list[psutil.Process]:
        """Return the descendants that are to end with the command."""
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process() if self._alone else psutil.Process(pid)
            return [process for process in root.children(recursive=True) if process.pid != pid]
        return []

    def _kill(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=GRACE_S)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
