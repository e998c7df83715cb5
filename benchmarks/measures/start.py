"""How long it takes from making a pool to its first result, when workers are no copies of the driver."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.measures.measure import N_CPUS, Measure
from benchmarks.peers import Peer
from benchmarks.tasks import noop

__all__ = ["MEASURE"]


def _run(kind: type[Peer]) -> float:
    start = time.perf_counter()
    peer = kind(N_CPUS, copies_driver=False)
    peer.result(peer.submit(noop))
    seconds = time.perf_counter() - start
    peer.close()
    return seconds * 1000


def _cold_interpreter() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - start) * 1000


MEASURE = Measure("start to first result", "ms", _run, _cold_interpreter, "start of an interpreter", leaves_pool=True)
