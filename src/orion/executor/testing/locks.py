"""Locks on files: the operating system frees them when the process that holds them ends, however it ends."""

from __future__ import annotations

import sys
from typing import IO, Any

__all__ = ["lock", "try_to_lock", "unlock"]

if sys.platform == "win32":
    import msvcrt

    def lock(file: IO[Any]) -> None:
        """Block until ``file`` is locked."""
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # gives up after some seconds
            except OSError:
                continue
            return

    def try_to_lock(file: IO[Any]) -> bool:
        """Lock ``file`` unless another process has; return whether that took effect."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock(file: IO[Any]) -> None:
        """Let another process lock ``file``."""
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def lock(file: IO[Any]) -> None:
        """Block until ``file`` is locked; costs no CPU."""
        fcntl.flock(file, fcntl.LOCK_EX)

    def try_to_lock(file: IO[Any]) -> bool:
        """Lock ``file`` unless another process has; return whether that took effect."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(file: IO[Any]) -> None:
        """Let another process lock ``file``."""
        fcntl.flock(file, fcntl.LOCK_UN)
