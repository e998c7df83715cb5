"""How many no-ops a second are done when all of them are submitted at once."""

from __future__ import annotations

import multiprocessing
import threading
import time
from typing import Any

from benchmarks.measures.budget import tasks_within
from benchmarks.measures.measure import N_CPUS, Measure
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]

_TASKS = 10_000


def _run(kind: type[Peer]) -> float:
    peer = kind(N_CPUS)
    try:
        tasks = tasks_within(peer, _TASKS)
        start = time.perf_counter()
        peer.results([peer.submit(noop, number) for number in range(tasks)])
        return tasks / (time.perf_counter() - start)
    finally:
        peer.close()


def _pipelined_pipe() -> float:
    """Send through a ``multiprocessing.Pipe`` without waiting for the answers, which another thread receives."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_answer, args=(theirs,))
    process.start()
    sender = threading.Thread(target=lambda: [ours.send((noop, number)) for number in range(_TASKS)])
    start = time.perf_counter()
    sender.start()
    for _ in range(_TASKS):
        ours.recv()
    seconds = time.perf_counter() - start
    sender.join()
    ours.send(None)
    process.join()
    return _TASKS / seconds


def _answer(connection: Any) -> None:
    while (message := connection.recv()) is not None:
        connection.send(message)


MEASURE = Measure(
    "no-op throughput",
    "/s",
    _run,
    _pipelined_pipe,
    "a pipelined raw mp.Pipe",
    more_is_better=True,
    leaves_pool=True,
)
