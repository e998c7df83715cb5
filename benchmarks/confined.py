"""Runs a command for a limited time, and ends all that it has started, even if that has detached itself."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Ended", "adopt_orphans", "run"]

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True)
class Ended:
    """What came of the command."""

    code: int | None
    """Its exit code; ``None`` if it was killed when the time was over."""
    output: str
    errors: str


def adopt_orphans() -> None:
    """Become the parent of all that is started from here on and loses its own."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(command: Sequence[str], seconds: float, environment: Mapping[str, str], enough: Callable[[str], bool]) -> Ended:
    """Run a command with a folder of its own for temporary files; return when nothing of it is left.

    It may take ``seconds`` for each thing that it prints. Once that is ``enough``, it has a moment to end by itself.
    """
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="b", ignore_cleanup_errors=True) as folder:  # short: sockets lie there
        kept = {"TMPDIR": folder, "RAY_TMPDIR": folder, **environment}
        with open(os.path.join(folder, "out"), "w+") as out, open(os.path.join(folder, "err"), "w+") as err:
            # Files rather than pipes: what a library leaves behind would hold a pipe open.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=kept)
            code = _wait(process, seconds, Path(out.name), enough)
            _end_descendants()
            process.wait()
            out.seek(0)
            err.seek(0)
            return Ended(code, out.read(), err.read())


def _wait(process: subprocess.Popen[bytes], seconds: float, out: Path, enough: Callable[[str], bool]) -> int | None:
    printed, since = "", time.monotonic()
    while time.monotonic() - since < seconds:
        was_enough = enough(printed)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(1.0)
        if was_enough:
            return 0
        if (text := out.read_text()) != printed:
            printed, since = text, time.monotonic()
    return None


def _end_descendants() -> None:
    while left := psutil.Process().children(recursive=True):
        ended = [process for process in left if not _is_tracker(process)]
        if not ended:  # these remove semaphores and shared memory of the others, and then end by themselves
            _, ended = psutil.wait_procs(left, timeout=5)
        for process in ended:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(ended, timeout=10)
        with contextlib.suppress(ChildProcessError):  # those that were adopted
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _is_tracker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "resource_tracker" in " ".join(process.cmdline())
    return False
