"""What a pool costs that has nothing to do; the measurements of CPU and of wake-ups are made of it."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import psutil

from benchmarks.measures.measure import N_CPUS, Measure
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["cpu_ms", "measure_of", "wakeups"]

_SETTLE_SECONDS = 0.5
_SECONDS = 1.5


def measure_of(title: str, unit: str, quantity: str) -> Measure:
    """Return the measurement of ``cpu_ms`` or of ``wakeups``, a second."""
    return Measure(
        title, unit, functools.partial(_run, {"cpu_ms": cpu_ms, "wakeups": wakeups}[quantity]), leaves_pool=True
    )


def _run(quantity: object, kind: type[Peer]) -> float:
    assert callable(quantity)
    peer = kind(N_CPUS)
    try:
        for handle in [peer.submit(noop) for _ in range(100)]:
            peer.result(handle)
        time.sleep(_SETTLE_SECONDS)
        before = quantity()
        time.sleep(_SECONDS)
        return float(quantity() - before) / _SECONDS
    finally:
        peer.close()


def cpu_ms() -> float:
    """Return the CPU time that all threads of all processes of the pool have used so far, this thread's left out."""
    fields = [Path(f"{folder}/schedstat").read_text().split() for folder in _threads()]
    return sum(int(nanoseconds) for nanoseconds, *_ in fields) / 1e6


def wakeups() -> float:
    """Return how often they have gone to sleep so far."""
    texts = [Path(f"{folder}/status").read_text() for folder in _threads()]
    return float(sum(int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for text in texts))


def _threads() -> list[str]:
    own = psutil.Process()
    folders = []
    for process in [own, *own.children(recursive=True)]:
        folders += [f"/proc/{process.pid}/task/{thread.id}" for thread in process.threads() if thread.id != own.pid]
    return folders
