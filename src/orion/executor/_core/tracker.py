"""The futures of one executor: which are pending, in what order they completed, who waits for them.

One lock guards all of it, and no engine is called under it.
"""

from __future__ import annotations

import enum
import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import compress
from operator import attrgetter, not_
from typing import TYPE_CHECKING, Any
from weakref import ref

from orion.executor._core.outcome import Failure, Outcome, Value
from orion.executor.errors import ExecutorClosed

if TYPE_CHECKING:
    from orion.executor._core.future import Future

__all__ = ["Gate", "Phase", "Tracker", "check_futures"]

_order_of = attrgetter("_order")
_id_of = attrgetter("_id")
_executor_of = attrgetter("_executor")

# Up to this many completions are looked up one by one; beyond it one sweep over the list is cheaper.
_FEW = 32


class Phase(enum.Enum):
    """How far an executor's life has come."""

    OPEN = 0
    DRAINING = 1
    CLOSED = 2


class Tracker:
    """Which futures of an executor are pending, and in what order the others completed."""

    def __init__(self) -> None:
        self.pending: dict[int, Future[Any]] = {}
        self._phase = Phase.OPEN
        self._lock = threading.Lock()
        self._completed = 0
        self._failed: dict[str, int] = {}
        # Completed and not yet returned by take(); weak, so that results which nobody will ask for go at once. Without
        # callbacks, which would cost more than the rest of a completion: what is dead is thrown out now and then.
        self._fresh: dict[int, ref[Future[Any]]] = {}
        self._next_clearing = _FEW
        self._watchers: list[Callable[[], object]] = []

    def add(self, future: Future[Any], *, from_task: bool) -> None:
        """Count ``future`` among the pending; while draining, only tasks may submit."""
        with self._lock:
            if self._phase is Phase.OPEN or (from_task and self._phase is Phase.DRAINING):
                self.pending[future._id] = future
                return
        raise ExecutorClosed(
            f"task {future.name!r} was submitted to a closed executor: "
            "submit inside the with block, or make a new executor"
        )

    def advance(self, phase: Phase) -> bool:
        """Go on to ``phase``; false if it was reached before."""
        with self._lock:
            if self._phase.value >= phase.value:
                return False
            self._phase = phase
            return True

    @property
    def phase(self) -> Phase:
        return self._phase

    def unfinished(self) -> list[Future[Any]]:
        """Return the pending futures, in the order of submission."""
        with self._lock:
            return list(self.pending.values())

    def settle(self, future: Future[Any], outcome: Outcome) -> bool:
        """Give ``future`` its outcome and wake who waits for it; false if it has one already."""
        return self.settle_all([(future, outcome)]) == 1

    def settle_all(self, ends: Sequence[tuple[Future[Any], Outcome]]) -> int:
        """Give futures their outcomes and wake who waits for them; return how many had none yet."""
        causes = [None if outcome.ok else outcome.cause() for _, outcome in ends]
        calls = []
        wakes: list[Callable[[], object]] = []
        with self._lock:
            for (future, outcome), cause in zip(ends, causes, strict=True):
                if future._order:
                    continue
                if cause is not None:
                    self._failed[cause] = self._failed.get(cause, 0) + 1
                self._completed += 1
                future._outcome = outcome
                calls.append(future._call)
                future._call = None
                future._order = self._completed
                self.pending.pop(future._id, None)
                self._fresh[future._id] = ref(future)
                if future._watchers is not None:
                    wakes += future._watchers
                    future._watchers = None
            if calls and self._watchers:
                wakes = self._watchers + wakes
                self._watchers = []
            if len(self._fresh) > self._next_clearing:
                self._clear_fresh()
        count = len(calls)
        del calls  # not under the lock: they may be the last references to anything
        for wake in wakes:
            wake()
        return count

    def counts(self) -> tuple[int, int, dict[str, int]]:
        """Return how many were added, how many of them have completed, and how many of these failed, by the cause."""
        with self._lock:
            return self._completed + len(self.pending), self._completed, dict(self._failed)

    def replace_outcome(self, future: Future[Any], loaded: Value | Failure) -> Value | Failure:
        """Keep a loaded outcome in place of the one not loaded; of several threads that load it, the first wins."""
        with self._lock:
            if isinstance(future._outcome, (Value, Failure)):
                return future._outcome
            future._outcome = loaded
            return loaded

    def watch(self, future: Future[Any], callback: Callable[[], object]) -> None:
        """Call ``callback`` once when ``future`` is done, in the thread that completes it; now, if it is already."""
        with self._lock:
            if not future._order:
                if future._watchers is None:
                    future._watchers = []
                future._watchers.append(callback)
                return
        callback()

    def wait_for(self, future: Future[Any], timeout: float | None) -> bool:
        """Block until ``future`` is done, at most ``timeout`` seconds; return whether it is."""
        gate = Gate()
        self.watch(future, gate.open)
        if not gate.wait(timeout):
            self.unwatch(future, gate.open)
        return bool(future._order)

    def unwatch(self, future: Future[Any], callback: Callable[[], object]) -> None:
        """Take back a :meth:`watch`, unless ``callback`` was called, or is about to be."""
        with self._lock:
            if future._watchers is not None:
                future._watchers.remove(callback)

    def take(self, futures: list[Future[Any]], wait: Callable[[Gate], bool]) -> list[Future[Any]]:
        """Remove the completed ones from ``futures`` and return them, in the order in which they completed.

        With none complete, ``wait(gate)`` is called to block until the next completion; once it returns
        false, what there is is returned. The usual call, where one or few of very many have completed, finds them by
        bisection, since futures are usually listed in the order of submission; all else is a sweep
        over the list in C.
        """
        seen, fresh = self._since(None)
        done = _claim(futures, fresh) or _sweep(futures)
        while not done:
            gate = Gate()
            in_time = True
            if self._watch_any(gate, seen):
                try:
                    in_time = wait(gate)
                finally:
                    self._unwatch_any(gate)
            seen, fresh = self._since(seen)
            done = _claim(futures, fresh)
            if not in_time:
                break
        with self._lock:
            for future in done:
                self._fresh.pop(future._id, None)
        return done

    def _since(self, order: int | None) -> tuple[int, list[Future[Any]] | None]:
        """Return how many have completed, and the few not yet returned which completed after the ``order``-th.

        ``None`` if they are not few, or if not all of them are known: another thread has been given some.
        """
        with self._lock:
            if len(self._fresh) > _FEW:
                return self._completed, None
            alive = [future for reference in self._fresh.values() if (future := reference()) is not None]
            late = [future for future in alive if order is None or future._order > order]
            if order is not None and len(late) < self._completed - order:
                return self._completed, None
            return self._completed, late

    def _clear_fresh(self) -> None:
        """Throw out the futures that nobody holds any more; so seldom that it costs little for each completion."""
        self._fresh = {number: reference for number, reference in self._fresh.items() if reference() is not None}
        self._next_clearing = max(_FEW, 2 * len(self._fresh))

    def _watch_any(self, gate: Gate, seen: int) -> bool:
        """Open ``gate`` at the next completion; false if there was one since the ``seen``-th already."""
        with self._lock:
            if self._completed > seen:
                return False
            self._watchers.append(gate.open)
            return True

    def _unwatch_any(self, gate: Gate) -> None:
        with self._lock:
            if gate.open in self._watchers:
                self._watchers.remove(gate.open)


class Gate:
    """Lets one thread sleep until another opens it; costs no CPU while closed."""

    __slots__ = ("_lock", "open")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self.open: Callable[[], object] = self._lock.release

    def wait(self, timeout: float | None) -> bool:
        """Block until open, at most ``timeout`` seconds; return whether it opened."""
        if timeout is None:
            return self._lock.acquire()
        return self._lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX))


def _claim(futures: list[Future[Any]], fresh: list[Future[Any]] | None) -> list[Future[Any]]:
    """Remove those of ``fresh`` (``None``: many) that are in ``futures``; both may be in any order."""
    if fresh is None:
        return _sweep(futures)
    places = []
    for future in fresh:
        place = bisect_left(futures, future._id, key=_id_of)
        if place == len(futures) or futures[place] is not future:
            return _sweep(futures)  # another list's, or this list is in no order
        places.append(place)
    for place in sorted(places, reverse=True):
        del futures[place]
    return sorted(fresh, key=_order_of)


def _sweep(futures: list[Future[Any]]) -> list[Future[Any]]:
    """Remove every completed future from ``futures``, however it is ordered; no step per future in Python."""
    orders = list(map(_order_of, futures))  # one snapshot: more may complete meanwhile
    done = list(compress(futures, orders))
    if len(done) > _FEW:
        futures[: len(orders)] = list(compress(futures, map(not_, orders)))
    else:
        for place in reversed(list(compress(range(len(orders)), orders))):
            del futures[place]
    done.sort(key=_order_of)
    return done


def check_futures(futures: Sequence[Future[Any]], executor: object) -> None:
    """Refuse what is no future of ``executor``; a sweep in C."""
    try:
        owners = set(map(_executor_of, futures))
    except AttributeError:
        wrong = next(item for item in futures if not hasattr(item, "_executor"))
        raise TypeError(f"futures must hold what submit returned, not {wrong!r}") from None
    if owners - {executor}:
        raise ValueError("some of the futures were submitted to another executor: ask that one for them")
