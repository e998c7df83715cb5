"""How long the import takes in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measures.measure import Measure
from benchmarks.peers import Peer

__all__ = ["MEASURE"]


def _run(kind: type[Peer]) -> float:
    code = f"import time; start = time.perf_counter(); {kind.imports}; print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout) * 1000


MEASURE = Measure("import", "ms", _run, peers=("mp.Pool", "cf", "loky", "pebble", "mpire", "dask"))
