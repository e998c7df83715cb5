"""Counts what happens in a stress run."""

from __future__ import annotations

import statistics
import threading
from collections import Counter, defaultdict

__all__ = ["Tally"]

_WRONGS_SHOWN = 30
_GROWTH_BYTES = 10_000_000
_SESSIONS_TO_JUDGE = 12


class Tally:
    """What happened so far; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._endings: dict[str, Counter[str]] = defaultdict(Counter)
        self._events: Counter[str] = Counter()
        self._failures: list[str] = []
        self._allocated: list[int] = []

    def ended(self, kind: str, how: str) -> None:
        """Count a task's end: ``as expected``, ``cancelled``, ``closed``, ``killed from outside`` or ``wrong``."""
        with self._lock:
            self._endings[kind][how] += 1

    def happened(self, what: str, times: int = 1) -> None:
        with self._lock:
            self._events[what] += times

    def failed(self, what: str) -> None:
        """Note something that must not be; the run will fail."""
        with self._lock:
            self._failures.append(what)

    def allocated(self, n_bytes: int) -> None:
        """Note what this process has allocated between two sessions."""
        self._allocated.append(n_bytes)

    @property
    def n_ended(self) -> int:
        with self._lock:
            return sum(sum(counts.values()) for counts in self._endings.values())

    @property
    def failures(self) -> list[str]:
        return [*self._failures, *self._growth()]

    def _growth(self) -> list[str]:
        """Compare the last quarter of the sessions with the second: the first ones load modules and fill caches."""
        n = len(self._allocated)
        if n < _SESSIONS_TO_JUDGE:
            return []
        early, late = statistics.median(self._allocated[n // 4 : n // 2]), statistics.median(self._allocated[-n // 4 :])
        if late - early <= _GROWTH_BYTES:
            return []
        return [f"memory grew: {early / 1e6:.0f} MB in the second quarter of the run, {late / 1e6:.0f} MB in the last"]

    def __str__(self) -> str:
        hows = sorted({how for counts in self._endings.values() for how in counts})
        width = max([len(kind) for kind in self._endings], default=0)
        lines = [" " * width + "".join(f"  {how:>19}" for how in hows)]
        for kind, counts in self._endings.items():
            lines.append(f"{kind:<{width}}" + "".join(f"  {counts[how] or '':>19}" for how in hows))
        total: Counter[str] = sum(self._endings.values(), Counter())
        lines.append(f"{f'all {sum(total.values())} tasks':<{width}}" + "".join(f"  {total[how]:>19}" for how in hows))
        lines += ["", *(f"{count:>9} {what}" for what, count in sorted(self._events.items()))]
        if self._allocated:
            early, late = self._allocated[len(self._allocated) // 4], self._allocated[-1]
            lines.append(
                f"    allocated by the driver between sessions: {early / 1e6:.0f} MB early, {late / 1e6:.0f} MB last"
            )
        failures = self.failures
        lines.append(f"\n{len(failures)} failures" if failures else "\nno failure")
        lines += [f"  - {failure}" for failure in failures[:_WRONGS_SHOWN]]
        return "\n".join(lines)
