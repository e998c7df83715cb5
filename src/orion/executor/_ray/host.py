"""A host: a Ray actor that runs one task at a time, in a worker process of a pool of its own.

Ray gives the host its node, CPUs, GPUs and memory. What befalls a task is the process engine's business, which knows
how its worker ended, stops what is over its limits together with all that it has started, and forks another worker in
milliseconds, where Ray would start an interpreter.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from orion.executor._core.future import Future
from orion.executor._core.options import TaskOptions
from orion.executor._core.payload import dumps
from orion.executor._process.setup import environment
from orion.executor._ray.messages import (
    Message,
    ToDriver,
    ToHost,
    out_of_band,
    pack,
    pack_outcome,
    unpack,
    unpack_outcome,
)
from orion.executor.process_backend import ProcessExecutor

__all__ = ["Host"]


class Host:
    """What the actor does; its methods run in threads of the actor's process.

    Parameters
    ----------
    path
        Where the driver imports modules from.
    cpus, gpus
        How many the host holds. They bound the threads of numeric libraries; of the GPUs, Ray has set which
        ones are seen here, and a host without any sees none.
    """

    def __init__(self, path: list[str], cpus: float, gpus: float) -> None:
        sys.path.extend(entry for entry in path if entry not in sys.path)
        hidden = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        environ = environment(1, max(1, int(cpus)), hidden, os.environ)
        self._engine = _Engine(self, environ)
        self._changed = threading.Condition(threading.Lock())
        self._said: list[Message] = []
        self._news = False
        self._turn = 0
        self._patience: float | None = None
        self._in_order = threading.Lock()
        self._next = 0
        self._early: dict[int, tuple[Any, Sequence[Any]]] = {}  # calls that have overtaken others
        self._running: dict[int, Future[Any]] = {}

    def exchange(self, number: int, packed: Any, references: Sequence[Any] = ()) -> Any:
        """Do what the driver says; return what there is to say, waiting for it unless the driver calls again.

        What it says is heeded in the order of the numbers, which begin at 0: the calls come in several threads.
        """
        with self._changed:
            self._turn += 1
            turn = self._turn
            self._changed.notify_all()
        with self._in_order:
            self._early[number] = packed, references
            while (due := self._early.pop(self._next, None)) is not None:
                self._next += 1
                self._heed_all(*due)
        with self._changed:
            while not self._news and turn == self._turn:
                if not self._changed.wait(self._patience) and turn == self._turn:
                    self._quit()
            self._news = False
            said, self._said = self._said, []
        return pack((self._engine.n_blocked, said))

    # What the engine calls

    def relay(self, child: Future[Any], data: bytes, buffers: Sequence[memoryview]) -> None:
        """Have the driver run what a task has submitted."""
        name_and_options = dumps((child._name, child._options))
        self._say((ToDriver.SUBMIT, child._id, name_and_options, data, out_of_band(buffers)))

    def relay_cancel(self, child: int) -> None:
        self._say((ToDriver.CANCEL, child))

    def slots_changed(self) -> None:
        with self._changed:
            self._news = True
            self._changed.notify_all()

    # Inner

    def _say(self, message: Message) -> None:
        with self._changed:
            self._said.append(message)
            self._news = True
            self._changed.notify_all()

    def _heed_all(self, packed: Any, references: Sequence[Any]) -> None:
        self._patience = None
        for message in unpack(packed):
            self._heed(message, references)

    def _heed(self, message: Message, references: Sequence[Any]) -> None:
        kind, *rest = message
        if kind == ToHost.RUN:
            self._run(references, *rest)
        elif kind == ToHost.STOP:
            self._stop(*rest)
        elif kind == ToHost.ANSWER:
            child, token = rest
            self._engine.answered(child, unpack_outcome(token))
        elif kind == ToHost.HELLO:
            self._say((ToDriver.READY, os.getpid()))
        elif kind == ToHost.PARK:
            (self._patience,) = rest
        else:
            self._quit()

    def _quit(self) -> NoReturn:
        """End the actor; the workers of its pool end with the process."""
        import ray

        ray.actor.exit_actor()  # type: ignore[no-untyped-call]  # has no types
        raise AssertionError("exit_actor returned")

    def _run(
        self, references: Sequence[Any], run: int, options: Message, attempt: int, call: bytes | None, place: int
    ) -> None:
        buffers: Sequence[Any] = ()
        if call is None:
            import ray

            call, *buffers = ray.get(references[place])
        future = self._engine.begin(call, buffers, options, attempt)
        self._running[run] = future
        self._engine._tracker.watch(future, partial(self._ended, run, future))

    def _ended(self, run: int, future: Future[Any]) -> None:
        self._running.pop(run, None)
        assert future._outcome is not None
        self._say((ToDriver.ENDED, run, pack_outcome(future._outcome)))

    def _stop(self, run: int) -> None:
        future = self._running.get(run)
        if future is not None:  # else it has ended meanwhile
            future.cancel()


class _Engine(ProcessExecutor):
    """The process engine in a host."""

    def __init__(self, host: Host, environ: dict[str, str]) -> None:
        super().__init__(1, env=environ, idle_timeout=None)
        self._host = host
        self._children: dict[int, Future[Any]] = {}  # what tasks submitted, and the driver runs
        self._pool.relay = self

    @property
    def n_blocked(self) -> int:
        """How many tasks wait for others, and lend their slots."""
        return self._pool.ledger.n_blocked

    def begin(self, call: bytes, buffers: Sequence[Any], options: Message, attempt: int) -> Future[Any]:
        """Run a call that the driver has serialised."""
        name, option_name, timeout, grace, memory_gb = options
        number = next(self._numbers)
        future: Future[Any] = Future(
            self,
            number,
            self._pool.keep(call, buffers),
            name,
            TaskOptions(timeout=timeout, grace=grace, memory_gb=memory_gb, name=option_name),
        )
        future._attempt = attempt
        self._tracker.add(future, from_task=False)
        self._start(future)
        return future

    def take(self, child: Future[Any], data: bytes, buffers: Sequence[memoryview]) -> None:
        self._children[child._id] = child
        self._host.relay(child, data, buffers)

    def answered(self, number: int, outcome: Any) -> None:
        """Complete what a task has submitted."""
        child = self._children.pop(number, None)
        if child is not None:
            self._tracker.settle(child, outcome)  # retries are the driver's

    def slots_changed(self) -> None:
        self._host.slots_changed()

    def _stop(self, future: Future[Any]) -> bool:
        if future._id in self._children:
            self._host.relay_cancel(future._id)
            return False  # the driver answers
        return super()._stop(future)
