"""How long a task lives beyond its time limit, until the caller knows of it."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.measures.measure import Measure
from benchmarks.peers import Peer
from benchmarks.tasks import noop, report_start_and_sleep

__all__ = ["MEASURE"]

_LIMIT = 0.2
_TIMES = 5


def _run(kind: type[Peer]) -> float:
    peer = kind(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return statistics.median(_once(peer, Path(folder) / str(number)) for number in range(_TIMES)) * 1000
    finally:
        peer.close()


def _once(peer: Peer, record: Path) -> float:
    peer.result(peer.submit(noop))
    handle = peer.submit_limited(_LIMIT, report_start_and_sleep, str(record), 30.0)
    try:
        peer.result(handle)
    except Exception as error:
        name = type(error).__name__
        assert "Timeout" in name, name
    return time.monotonic() - float(record.read_text()) - _LIMIT


MEASURE = Measure("time limit overshoot", "ms", _run, peers=("pebble", "mpire"))
