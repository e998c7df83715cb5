"""The base of every engine: what all do alike is written here, once."""

from __future__ import annotations

import _thread
import inspect
import itertools
import logging
import os
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from orion.executor._core import payload
from orion.executor._core.cpus import resolve_n_workers
from orion.executor._core.future import AsyncException, AsyncResult, Future, as_async
from orion.executor._core.iterating import Iterating
from orion.executor._core.options import TaskOptions, check_timeout
from orion.executor._core.outcome import Failure, Outcome, Value
from orion.executor._core.reach import reachable, reattach
from orion.executor._core.tracker import Gate, Phase, Tracker, check_futures
from orion.executor.errors import ExecutorClosed, ExecutorError, OptionNotSupported

if TYPE_CHECKING:
    from orion.executor._core.concurrent_view import ConcurrentView
    from orion.executor._output.outlet import Outlet
    from orion.executor._trace.counters import Counters
    from orion.executor._trace.recorder import Recorder
    from orion.executor._trace.trace import Trace

__all__ = ["BaseExecutor"]

P = ParamSpec("P")
T = TypeVar("T")
Self = TypeVar("Self", bound="BaseExecutor")


class BaseExecutor(Iterating):
    """Base class for the parallelisation of experiments.

    Every method may be called from any thread. An executor is a context manager: leaving the
    block normally lets pending tasks finish, leaving it with an exception stops them. A ``with`` on the
    same executor may be nested; only the outermost one closes it. ``async with`` does the same, and leaves the
    event loop free while it waits.

    An engine supplies three methods: :meth:`_start`, :meth:`_stop` and :meth:`_release`, and hands each
    task's end to :meth:`_settle`; serialising, waiting, retries and closing are done here.

    Parameters
    ----------
    n_workers
        The number of workers the executor should have. Depending on the engine it may start this
        many workers or connect to a running instance that dispatches work to ``n_workers`` workers.
        ``-1`` means every CPU this process may use (affinity and cgroup limits count). The attribute
        of the same name holds the real number.

    Raises
    ------
    TypeError
        For an unknown keyword argument; the message lists the valid ones.
    ValueError
        If ``n_workers`` is zero or a negative number other than ``-1``.
    """

    limitations: ClassVar[Mapping[str, str]] = {}
    """Guarantees of the contract that the engine cannot keep, each with the reason."""

    driver_host: str | None = None
    """This machine's address as the workers reach it, if they may be on others; ``None`` if all are on this one."""

    n_workers: int

    def __init__(self, n_workers: int = -1, **kwargs: Any) -> None:
        if kwargs:
            parameters = inspect.signature(type(self).__init__).parameters.values()
            valid = [p.name for p in parameters if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
            raise TypeError(
                f"{type(self).__name__} got unknown arguments {', '.join(map(repr, kwargs))}; "
                f"it takes {', '.join(valid)}"
            )
        self.n_workers = resolve_n_workers(n_workers)
        self._owner_pid = os.getpid()
        self._key = os.urandom(16).hex()
        self._default_options = TaskOptions()
        self._numbers = itertools.count(1)
        self._when_collected: Callable[[], None] | None = None  # what an engine does if nobody closed it
        self._outlet: Outlet | None = None
        self._trace: Recorder | None = None
        self._depth = 0
        self._depth_lock = threading.Lock()
        self._tracker = Tracker()  # last: its presence tells a constructed executor
        reachable[self._key] = self

    # What users call

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit work for asynchronous execution.

        The call is serialised here and now, so changing an argument afterwards does not change the task.

        Parameters
        ----------
        function
            The function to call. Functions of ``__main__``, lambdas and closures travel by value,
            functions of importable modules by name.
        *args, **kwargs
            Its arguments; they must be serialisable.

        Raises
        ------
        NotSerializable
            Naming the part that cannot travel, and why.
        ExecutorClosed
            If the executor is closed.
        TypeError
            If ``function`` is not callable.
        """
        return self._submit(self._default_options, function, args, kwargs)

    def async_get(
        self, futures: list[Future[T]], timeout: float | None = None
    ) -> list[AsyncResult[T] | AsyncException[T]]:
        """Return the results of the futures that have completed, and remove these from the list, in place.

        Blocks until at least one is complete, or until ``timeout`` has passed; then returns what there is, in
        the order of completion. An empty list returns ``[]`` at once. A task's exception is
        not raised here but returned, as an :class:`AsyncException`.

        Parameters
        ----------
        futures
            Futures of this executor, in any order. It may be appended to between calls.
        timeout
            Seconds to wait; ``None`` waits for ever, ``0`` does not wait.
        """
        check_timeout(timeout)
        if not futures:
            return []
        done = self._wait_any(futures, timeout)
        try:
            return [as_async(future) for future in done]
        except BaseException:  # the user has interrupted it, and may ask for them again
            futures[:0] = done
            raise

    def wait(self, futures: list[Future[T]]) -> list[T]:
        """Wait until all futures are complete; return their results in the order given.

        Raises
        ------
        BaseException
            Of the first future, in the order given, that failed; once all are complete.
        """
        check_futures(futures, self)
        self._wait_all(futures)
        return [future.get() for future in futures]

    def cancel(self, future: Future[Any]) -> bool:
        """Cancel a task: one that has not started never runs, a running one is stopped where the engine can.

        Returns
        -------
        bool
            Whether it took effect; then the outcome is ``concurrent.futures.CancelledError``.
        """
        check_futures([future], self)
        return not future._order and self._stop(future)

    def options(self, **changes: Any) -> BaseExecutor:
        """Return a view on this engine whose ``submit`` runs tasks under these options.

        Parameters
        ----------
        timeout : float, optional
            Seconds that the task itself may run, waiting in the queue not counted; then it is stopped, and the
            outcome is ``TaskTimeout``.
        grace : float, optional
            Seconds between asking the task's processes to end (SIGTERM), when it is stopped, and killing them.
        memory_gb : float, optional
            GB (10⁹ bytes) that the task's processes may use together; then it is stopped, and the outcome is
            ``OutOfMemory``.
        cpus : float, optional
            CPUs that are set aside for the task while it runs.
        gpus : float, optional
            GPUs that are set aside for the task while it runs; it sees no others (``CUDA_VISIBLE_DEVICES``).
            Where the engine can share one between tasks, a part of one is possible.
        retries : int, optional
            How often the task is run again after a failure that ``retry_on`` names.
        retry_on : exception class or tuple of them, optional
            The failures to retry; by default ``WorkerLost``.
        name : str, optional
            What to call the task in messages; by default the function's name.
        output : str, optional
            What becomes of what the task prints: ``"capture"`` keeps it for ``future.output``, ``"prefix"`` shows each
            line with the task's name before it.
        logs : int or str, optional
            The level from which on log records of the task reach this process's logging, with the task's name as their
            attribute ``task``.

        Raises
        ------
        TypeError
            For an unknown option; the message lists the valid ones.
        OptionNotSupported
            For an option that this engine cannot honour, with the reason.
        """
        from orion.executor._core.view import (
            ExecutorView,  # which is made of this class
        )

        return ExecutorView(self, self._checked_options(self._default_options, changes))

    def as_concurrent(self, max_workers: int | None = None) -> ConcurrentView:
        """Return a ``concurrent.futures.Executor`` that runs its tasks here.

        For code that knows the standard library's interface: what it returns are ``concurrent.futures.Future`` objects.
        Its ``shutdown`` ends the view, not this executor.

        Parameters
        ----------
        max_workers
            How many of its tasks run at a time, if fewer than there are workers.
        """
        from orion.executor._core.concurrent_view import ConcurrentView

        return ConcurrentView(self, self._default_options, max_workers)

    def trace(self, *paths: str | os.PathLike[str]) -> Trace:
        """Return a context manager that records who was busy when, and writes that when its block ends.

        Parameters
        ----------
        *paths
            Where to: ``.json`` is the Trace Event Format, which https://ui.perfetto.dev shows; ``.html`` and ``.png``
            are pictures, the second by matplotlib.

        Raises
        ------
        OptionNotSupported
            If this engine does not know when and where a task ran, with the reason.
        """
        from orion.executor._trace.trace import Trace

        if "tracing" in self.limitations:
            raise OptionNotSupported(f"{type(self).__name__} cannot honour trace(…): {self.limitations['tracing']}")
        return Trace(self, paths)

    def counters(self) -> Counters:
        """Return how many tasks were submitted, run, are done and have failed, by the cause."""
        from orion.executor._trace.counters import count

        return count(self)

    def close(self, drain: bool = False) -> None:
        """Close the executor; no work is accepted any more. Closing again does nothing.

        Parameters
        ----------
        drain
            Let pending tasks finish first. Otherwise what has not started never runs and what
            runs is stopped where the engine can; the outcome of both is ``concurrent.futures.CancelledError``,
            and threads that wait for them wake.
        """
        if self._owner_pid != os.getpid():
            return  # a forked child has a copy of the object, but not the engine
        if drain:
            self._tracker.advance(Phase.DRAINING)
            try:
                while pending := self._tracker.unfinished():
                    self._wait_all(pending)
            except BaseException:
                self.close()
                raise
        if not self._tracker.advance(Phase.CLOSED):
            return
        for future in self._tracker.unfinished():
            self._settle_cancelled(future, "the executor was closed before it had ended")
        self._release()
        if self._outlet is not None:
            self._outlet.close()
        logger = logging.getLogger("orion.executor")
        if logger.isEnabledFor(logging.INFO):
            counters = self.counters()
            logger.info("executor closed: %s", counters, extra={"counters": counters})

    def __enter__(self: Self) -> Self:  # noqa: PYI019 - typing's own Self is not in 3.10
        self._check_process()
        if self._tracker.phase is Phase.CLOSED:
            raise ExecutorClosed("this executor is closed: make a new one for another with block")
        with self._depth_lock:
            self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._leave():
            self.close(drain=kind is None)

    async def __aenter__(self: Self) -> Self:  # noqa: PYI019 - typing's own Self is not in 3.10
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        from orion.executor._core.awaiting import close

        if self._leave():
            await close(self, drain=kind is None)

    def __del__(self) -> None:
        if "_tracker" not in self.__dict__ or self._tracker.phase is Phase.CLOSED or self._owner_pid != os.getpid():
            return
        try:
            if self._when_collected is None:
                self.close()
            else:
                # A collection may come in any thread at any moment, also while it holds the engine's own lock.
                _thread.start_new_thread(self._when_collected, ())
                if self._outlet is not None:
                    _thread.start_new_thread(partial(self._outlet.close, join=False), ())
        except Exception:  # noqa: S110 - a finalizer must not raise, and nobody could catch it
            pass

    def __reduce__(self) -> tuple[object, ...]:
        return reattach, (self._key, self.n_workers, type(self))

    # What an engine supplies

    @abstractmethod
    def _start(self, future: Future[Any]) -> None:
        """Begin running ``future._call`` and return at once.

        Must lead to one :meth:`_settle` of the future, from any thread, whatever happens. Called again
        for a retry. A future that is done by the time its turn comes is skipped.
        """

    @abstractmethod
    def _stop(self, future: Future[Any]) -> bool:
        """Keep a pending task from running, or stop it; settle it as cancelled and return whether that took effect."""

    @abstractmethod
    def _release(self) -> None:
        """End all workers and give back every resource; called once. No future is pending any more."""

    # What an engine may change

    def _encode(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Serialise a call; the result is kept in ``future._call`` until the task has ended."""
        return payload.dumps_call(function, args, kwargs)

    def _wait_one(self, future: Future[Any], timeout: float | None) -> bool:
        """Block until ``future`` is done, at most ``timeout`` seconds; return whether it is."""
        if timeout == 0:
            return bool(future._order)
        with self._blocking():
            return self._tracker.wait_for(future, timeout)

    def _wait_any(self, futures: list[Future[T]], timeout: float | None) -> list[Future[T]]:
        """Block until one of ``futures`` is done; remove and return those that are, in the order of completion."""
        deadline = None if timeout is None else time.monotonic() + timeout
        checked = False

        def block(gate: Gate) -> bool:
            nonlocal checked
            if not checked:  # a future of another executor would make this wait for ever
                check_futures(futures, self)
                checked = True
            with self._blocking():
                return gate.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))

        try:
            return self._tracker.take(futures, block)
        except AttributeError:
            check_futures(futures, self)
            raise

    def _wait_all(self, futures: list[Future[Any]]) -> None:
        # The last first: when it is done the others mostly are, and one wake-up was enough.
        for future in reversed(futures):
            if not future._order:
                self._wait_one(future, None)

    def _blocking(self) -> AbstractContextManager[object]:
        """Return a context in which the calling thread waits; where a task waits, its slot can be lent."""
        return nullcontext()

    def _run_here(self, future: Future[Any], call: bytes, worker: str) -> Value | Failure:
        """Run a task in this process; for engines that do."""
        began = time.monotonic_ns()
        outcome = payload.run_here(call, future.name, future.attempt)
        if self._trace is not None:
            self._trace.ran(future, worker, began, time.monotonic_ns())
        return outcome

    def _record(self, recorder: Recorder | None) -> None:
        """Have workers tell when they ran a task, and ``recorder`` know it; or no longer."""

    def _running_count(self) -> int | None:
        """Return how many tasks run at this moment; ``None`` if the engine cannot tell."""
        return None

    def _inside_task(self) -> bool:
        """Return whether the calling thread runs a task of this executor; such may submit while it drains."""
        return False

    # What an engine calls

    def _settle(self, future: Future[Any], outcome: Outcome) -> None:
        """Take a task's end from the engine: retry it, or complete its future, unless it is complete."""
        if self._trace is not None and not outcome.ok:
            self._trace.failed(future, outcome)
        if future._attempt <= future._options.retries and not future._order:
            outcome = outcome.resolve()
            if (
                isinstance(outcome, Failure)
                and isinstance(outcome.exception, future._options.retry_on)
                and self._tracker.phase is not Phase.CLOSED
            ):
                future._attempt += 1
                try:
                    self._start(future)
                    return
                except Exception as error:  # no worker can be had: that is the outcome
                    outcome = Failure(error)
        self._tracker.settle(future, outcome)

    def _settle_all(self, ends: Sequence[tuple[Future[Any], Outcome]]) -> None:
        """Take the ends of several tasks; at once, if none of them may be retried, or is to be traced as failed."""
        untraced = self._trace is None
        if all((untraced or outcome.ok) and future._attempt > future._options.retries for future, outcome in ends):
            self._tracker.settle_all(ends)
        else:
            for future, outcome in ends:
                self._settle(future, outcome)

    def _settle_cancelled(self, future: Future[Any], why: str = "it was cancelled") -> bool:
        """Complete a future as cancelled; false if it was complete."""
        outcome = Failure(CancelledError(f"task {future.name!r} was stopped: {why}"))
        if self._trace is not None:
            self._trace.failed(future, outcome)
        return self._tracker.settle(future, outcome)

    # Inner

    def _leave(self) -> bool:
        """Count a with block as left; return whether it was the outermost one."""
        with self._depth_lock:
            self._depth -= 1
            return self._depth == 0

    def _submit(
        self, options: TaskOptions, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future[T]:
        future = self._accept(options, function, args, kwargs)
        self._begin(future)
        return future

    def _accept(
        self, options: TaskOptions, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future[T]:
        """Serialise a call, and count it among the pending; closing waits for it, so it has to begin some time."""
        if not callable(function):
            raise TypeError(f"submit takes a function to call and its arguments; {function!r} is not callable")
        if self._owner_pid != os.getpid():
            self._check_process()
        name, number = options.name or payload.call_name(function), next(self._numbers)
        outlet = None if options.output is None and options.logs is None else self._outlet_for(options)
        if outlet is not None:
            function = outlet.wire(function, name, number, options)
        future: Future[T] = Future(self, number, self._encode(function, args, kwargs), name, options)
        if outlet is not None:
            outlet.add(future)
        self._tracker.add(future, from_task=self._inside_task())
        if self._trace is not None:
            self._trace.submitted((number, name, time.monotonic()))
        return future

    def _begin(self, future: Future[Any]) -> None:
        """Hand an accepted task to the engine."""
        try:
            self._start(future)
        except BaseException as error:
            self._tracker.settle(future, Failure(error))  # else closing would wait for it for ever
            raise
        if self._tracker.phase is Phase.CLOSED:
            # Closed by another thread after the future was added: that one may have missed it.
            self._settle_cancelled(future, "the executor was closed")

    def _outlet_for(self, options: TaskOptions) -> Outlet:
        """Return where the output and the log records of a task go, if they do not go where they always do."""
        with self._depth_lock:
            if self._outlet is None:
                from orion.executor._output.outlet import Outlet

                self._outlet = Outlet(in_process="output_of_processes" in self.limitations)
            return self._outlet

    def _checked_options(self, base: TaskOptions, changes: dict[str, Any]) -> TaskOptions:
        options = base.changed(changes)
        for name, value in changes.items():
            if name in self.limitations and value is not None:
                raise OptionNotSupported(
                    f"{type(self).__name__} cannot honour options({name}=…): {self.limitations[name]}"
                )
        return options

    def _check_process(self) -> None:
        if self._owner_pid != os.getpid():
            raise ExecutorError(
                f"this executor belongs to process {self._owner_pid}, and this is a fork of it: make a new one here"
            )
