"""When a worker looks at what its tasks have changed around them."""

from __future__ import annotations

import fcntl
import termios

from orion.executor._process.surroundings import Surroundings

__all__ = ["Upkeep"]

# A look takes about as long as all else that is done for a task that does nothing.
_NS_BETWEEN_LOOKS = 1_000_000


class Upkeep:
    """Has the surroundings of tasks put back: after each one, but while they follow at once, once a millisecond.

    Times are nanoseconds of the monotonic clock.

    Parameters
    ----------
    surroundings
        What is put back.
    tasks
        The pipe from which the worker reads its calls.
    """

    def __init__(self, surroundings: Surroundings, tasks: int) -> None:
        self._surroundings = surroundings
        self._tasks = tasks
        self._looked_ns = 0
        self._is_owed = False
        self._is_fit = True

    def before_task(self, now_ns: int) -> None:
        """Make good for the look that was not taken, if the next task has been longer in coming than it seemed."""
        if self._is_owed and now_ns - self._looked_ns >= _NS_BETWEEN_LOOKS:
            self._look(now_ns)

    def after_task(self, now_ns: int) -> bool:
        """Return whether the worker may go on; if not, it should be replaced."""
        if now_ns - self._looked_ns < _NS_BETWEEN_LOOKS and self._more_waits():
            self._is_owed = True
        else:
            self._look(now_ns)
        return self._is_fit

    def _look(self, now_ns: int) -> None:
        self._looked_ns = now_ns
        self._is_owed = False
        self._is_fit = self._surroundings.restore() and self._is_fit

    def _more_waits(self) -> bool:
        return any(fcntl.ioctl(self._tasks, termios.FIONREAD, b"\0\0\0\0"))
