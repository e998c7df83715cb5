"""How long it takes from a worker's death until its replacement begins the next task."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.measures.measure import Measure
from benchmarks.peers import NotOffered, Peer
from benchmarks.tasks import die, noop

__all__ = ["MEASURE"]

_DEATHS = 5


def _run(kind: type[Peer]) -> float:
    kind.needs_background()
    peer = kind(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return statistics.median(_once(peer, Path(folder) / str(number)) for number in range(_DEATHS)) * 1000
    finally:
        peer.close()


def _once(peer: Peer, record: Path) -> float:
    peer.result(peer.submit(noop))
    victim = peer.submit(die, str(record))
    following = peer.submit(time.monotonic)  # the same clock in all processes, and nothing to import first
    try:
        began = peer.result(following)
    except Exception as error:
        raise NotOffered(f"the pool breaks: {type(error).__name__}") from error
    del victim  # some libraries never complete it
    assert isinstance(began, float)
    return began - float(record.read_text())


def _fork() -> float:
    """A fork of a small process, until the child runs."""
    times = []
    for _ in range(50):
        read, write = os.pipe()
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.write(write, b"x")
            os._exit(0)
        os.read(read, 1)
        times.append(time.monotonic() - start)
        os.waitpid(pid, 0)
        os.close(read)
        os.close(write)
    return statistics.median(times) * 1000


MEASURE = Measure("death to replacement", "ms", _run, _fork, "a fork", peers=("mp.Pool", "cf", "loky", "pebble"))
