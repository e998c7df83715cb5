"""What ``submit`` returns, and what ``async_get`` returns for it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast

from orion.executor._core.options import TaskOptions, check_timeout
from orion.executor._core.outcome import Failure, Outcome, Value
from orion.executor.errors import ResultTimeout

if TYPE_CHECKING:
    from orion.executor._core.executor import BaseExecutor

__all__ = ["AsyncException", "AsyncResult", "Future"]

T = TypeVar("T")


class Future(Generic[T]):
    """The result of a submitted task, which may not be there yet.

    Made by :meth:`BaseExecutor.submit`. Every method may be called from any thread.
    """

    # No dict and few slots: hundreds of thousands may be pending.
    __slots__ = (
        "__weakref__",
        "_attempt",
        "_call",  # the serialised call, until it is no longer needed
        "_executor",
        "_id",  # grows in the order of submission
        "_name",
        "_options",
        "_order",  # 0 until done, then the place in the order of completion
        "_outcome",
        "_printed",  # what the task has printed, if that is captured
        "_watchers",  # called once when done; None if nobody waits
    )

    def __init__(self, executor: BaseExecutor, number: int, call: Any, name: str, options: TaskOptions) -> None:
        self._executor = executor
        self._id = number
        self._call = call
        self._name = name
        self._options = options
        self._attempt = 1
        self._order = 0
        self._printed: bytearray | None = None
        self._outcome: Outcome | None = None
        self._watchers: list[Callable[[], object]] | None = None

    def get(self, timeout: float | None = None) -> T:
        """Return the task's result, waiting for it if need be.

        Parameters
        ----------
        timeout
            Seconds to wait; ``None`` waits for ever, ``0`` does not wait.

        Raises
        ------
        ResultTimeout
            If the result did not arrive in time. It is both ``multiprocessing.TimeoutError`` and
            the builtin ``TimeoutError``. The task goes on.
        BaseException
            Whatever the task raised, with the worker's traceback as its cause; or ``TaskTimeout``,
            ``WorkerLost``, ``NotSerializable`` or ``concurrent.futures.CancelledError``.
        """
        if timeout is not None:
            check_timeout(timeout)
        if not self._order and not self._executor._wait_one(self, timeout):
            raise ResultTimeout(f"{self!r} has no result after {timeout} s. It goes on: call get again, or cancel() it")
        outcome = self._resolve()
        if isinstance(outcome, Failure):
            try:
                raise outcome.exception
            finally:
                del outcome, self  # else the exception's traceback would hold the future in a cycle
        return cast(T, outcome.value)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in the running event loop; returns or raises what :meth:`get` does.

        No thread waits. Cancelling the awaiting asyncio task cancels this task.
        """
        from orion.executor._core.awaiting import completion

        yield from completion(self)
        return self.get()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the result is available or until ``timeout`` seconds have passed.

        Never raises the task's exception. ``None`` waits for ever, ``0`` does not wait.
        """
        check_timeout(timeout)
        if not self._order:
            self._executor._wait_one(self, timeout)

    def ready(self) -> bool:
        """Return whether the task has ended, in whatever way; never blocks."""
        return self._order != 0

    def successful(self) -> bool:
        """Return whether the task ended by returning a value.

        Raises
        ------
        ValueError
            If the result is not ready yet.
        """
        if not self._order:
            raise ValueError(f"{self!r} is not ready: wait for it first")
        return isinstance(self._resolve(), Value)

    def cancel(self) -> bool:
        """Cancel the task: one that has not started never runs, a running one is stopped where the engine can.

        Returns
        -------
        bool
            Whether it took effect; then the outcome is ``concurrent.futures.CancelledError``.
        """
        return self._executor.cancel(self)

    @property
    def name(self) -> str:
        """What the task is called in messages."""
        return self._name

    @property
    def attempt(self) -> int:
        """Which run of the task this is or was, counted from 1 (see ``options(retries=…)``)."""
        return self._attempt

    @property
    def output(self) -> str:
        """What the task has printed so far, and all of it once the task has ended; retries add to it.

        Raises
        ------
        ValueError
            If it is not captured: that takes ``options(output="capture")``.
        """
        outlet = self._executor._outlet
        if self._options.output != "capture" or outlet is None:
            raise ValueError(f"the output of {self!r} is not kept: submit it with options(output='capture')")
        return outlet.printed(self)

    def _resolve(self) -> Value | Failure:
        """Return the loaded outcome of a completed future; loads it once."""
        outcome = self._outcome
        assert outcome is not None
        if isinstance(outcome, (Value, Failure)):
            return outcome
        return self._executor._tracker.replace_outcome(self, outcome.resolve())

    def __repr__(self) -> str:
        state = "pending" if not self._order else "done"
        attempt = f", attempt {self._attempt}" if self._attempt > 1 else ""
        return f"<Future {self._id} {self._name!r} {state}{attempt}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Future cannot travel to a task: pass its result, or the executor to submit more work with")


class AsyncResult(Generic[T]):
    """A completed future and the value that its task returned."""

    __slots__ = ("future", "value")

    def __init__(self, future: Future[T], v: T) -> None:
        self.future = future
        self.value = v

    def __repr__(self) -> str:
        return f"AsyncResult({self.future!r}, {self.value!r})"


class AsyncException(Generic[T]):
    """A completed future and the exception that its task ended with.

    Parameters
    ----------
    future
        The future.
    exception
        The exception, of its own type.
    traceback
        The traceback where it was raised, as text.
    """

    __slots__ = ("exception", "future", "traceback")

    def __init__(self, future: Future[T], exception: BaseException, traceback: str) -> None:
        self.future = future
        self.exception = exception
        self.traceback = traceback

    @property
    def value(self) -> T:
        """Raise the exception."""
        raise self.exception

    def __repr__(self) -> str:
        return f"AsyncException({self.future!r}, {self.exception!r})"


def as_async(future: Future[T]) -> AsyncResult[T] | AsyncException[T]:
    """Return what ``async_get`` returns for a completed future."""
    outcome = future._resolve()
    if isinstance(outcome, Failure):
        return AsyncException(future, outcome.exception, outcome.traceback)
    return AsyncResult(future, outcome.value)
