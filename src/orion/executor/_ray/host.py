"""A host: a Ray actor that runs one task at a time, in a worker process of a pool of its own.

Ray gives the host its node, CPUs, GPUs and memory. What befalls a task is the process engine's business, which knows
how its worker ended, stops what is over its limits together with all that it has started, and forks another worker in
milliseconds, where Ray would start an interpreter.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import traceback
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NoReturn

from orion.executor._core.future import Future
from orion.executor._core.options import TaskOptions
from orion.executor._core.payload import dumps
from orion.executor._process.setup import environment
from orion.executor._ray import shortcut
from orion.executor._ray.in_order import InOrder
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

_THREAD = "orion-ray-host"


class Host:
    """What the actor does; its methods run in threads of the actor's process.

    Parameters
    ----------
    path
        Where the driver imports modules from.
    folder
        The driver's current folder, which the tasks' is to be, if this machine has it; ``None`` leaves that to Ray.
    cpus, gpus
        How many the host holds. They bound the threads of numeric libraries; of the GPUs, Ray has set which
        ones are seen here, and a host without any sees none.
    """

    def __init__(self, path: list[str], folder: str | None, cpus: float, gpus: float) -> None:
        sys.path.extend(entry for entry in path if entry not in sys.path)
        if folder is not None:
            with contextlib.suppress(OSError):
                os.chdir(folder)
        hidden = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        environ = environment(1, max(1, int(cpus)), hidden, os.environ)
        self._engine = _Engine(self, environ)
        self._changed = threading.Condition(threading.Lock())
        self._said: list[Message] = []
        self._news = False
        self._turn = 0
        self._user, self._number = 0, 0
        self._patience: float | None = None
        self._heeding = threading.Lock()
        self._incoming: InOrder[tuple[Sequence[Message], Sequence[Any]]] = InOrder()
        self._running: dict[int, Future[Any]] = {}
        self._shortcut: socket.socket | None = None
        self._name: bytes | None = None  # of the shortcut
        listener = shortcut.listen()
        if listener is not None:
            self._name = listener.getsockname()
            threading.Thread(target=self._serve, args=(listener,), name=_THREAD, daemon=True).start()

    def exchange(self, packed: Any, references: Sequence[Any] = ()) -> Any:
        """Do what the driver says; return what there is to say, waiting for it unless the driver calls again.

        What it says is heeded in the order of the numbers of what it sends, which comes in several threads.
        """
        with self._changed:
            self._turn += 1
            turn = self._turn
            self._changed.notify_all()
        self._take_in(packed, references)
        with self._changed:
            while not self._news and turn == self._turn:
                if not self._changed.wait(self._patience) and turn == self._turn and self._patience is not None:
                    self._quit()
            if turn != self._turn:  # whoever has called since is told, and may be another
                return pack(None)
            packed = self._packed(self._said)
            self._said, self._news = [], False
            self._number += 1
            return packed

    # What the engine calls

    def relay(self, child: Future[Any], data: bytes, buffers: Sequence[memoryview]) -> None:
        """Have the driver run what a task has submitted."""
        name_and_options = dumps((child._name, child._options))
        self._say((ToDriver.SUBMIT, child._id, name_and_options, data, out_of_band(buffers)))

    def relay_cancel(self, child: int) -> None:
        self._say((ToDriver.CANCEL, child))

    def slots_changed(self) -> None:
        self._say()

    # Inner

    def _say(self, *messages: Message) -> None:
        with self._changed:
            if self._shortcut is not None and not self._news:
                packed = self._packed(messages)
                if isinstance(packed, bytes) and len(packed) <= shortcut.ROOM:
                    self._number += 1
                    with contextlib.suppress(OSError):  # the driver has ended
                        self._shortcut.send(packed)
                    return
            self._said += messages
            self._news = True
            self._changed.notify_all()

    def _packed(self, said: Sequence[Message]) -> Any:
        """Return what there is to say as it is sent, with the lock held."""
        return pack((self._user, self._number, self._engine.n_blocked, said))

    def _serve(self, listener: socket.socket) -> None:
        """Hear what comes by the shortcut."""
        connection = shortcut.meet(listener)
        with self._changed:
            self._shortcut = connection
        try:
            with connection:
                while packed := connection.recv(shortcut.ROOM):
                    self._take_in(packed)
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # else the driver would wait for ever

    def _take_in(self, packed: Any, references: Sequence[Any] = ()) -> None:
        number, messages = unpack(packed)
        with self._heeding:
            for due in self._incoming.take(number, (messages, references)):
                self._patience = None
                for message in due[0]:
                    self._heed(message, due[1])

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
            self._begin_to_serve(*rest)
        elif kind == ToHost.PARK:
            with self._changed:
                (self._patience,) = rest
                self._changed.notify_all()
        else:
            self._quit()

    def _quit(self) -> NoReturn:
        """End the actor; the workers of its pool end with the process."""
        if threading.current_thread().name == _THREAD:
            os._exit(0)
        import ray

        ray.actor.exit_actor()  # type: ignore[no-untyped-call]  # has no types
        raise AssertionError("exit_actor returned")

    def _begin_to_serve(self, user: int) -> None:
        with self._changed:
            self._user, self._number = user, 0
            self._said, self._news = [], False
        self._say((ToDriver.READY, os.getpid(), self._name))

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
        name, *limits = options
        future: Future[Any] = Future(self, next(self._numbers), self._pool.keep(call, buffers), name, _options(*limits))
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


@lru_cache
def _options(name: str | None, timeout: float | None, grace: float | None, memory_gb: float | None) -> TaskOptions:
    """Return the options under which the host runs a task; retries are the driver's."""
    return TaskOptions(name=name, timeout=timeout, grace=grace, memory_gb=memory_gb)
