"""When a worker looks at what its tasks have changed around them."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Upkeep"]

# A look takes about as long as all else that is done for a task that does nothing.
_NS_BETWEEN_LOOKS = 1_000_000


class Upkeep:
    """Has the surroundings of tasks put back: before the worker waits, and once a millisecond while calls wait for it.

    Times are nanoseconds of the monotonic clock.

    Parameters
    ----------
    restore
        Puts them back; false if that cannot be done.
    """

    def __init__(self, restore: Callable[[], bool]) -> None:
        self._restore = restore
        self._due_ns = 0

    def is_due(self, now_ns: int) -> bool:
        """Return whether to look even if another call is there already."""
        return now_ns >= self._due_ns

    def look(self, now_ns: int) -> bool:
        """Have the surroundings put back; return whether the worker may go on, else it should be replaced."""
        self._due_ns = now_ns + _NS_BETWEEN_LOOKS
        return self._restore()
