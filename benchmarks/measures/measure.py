"""What a measurement is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers import Peer

__all__ = ["N_CPUS", "Measure"]

N_CPUS = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Measure:
    """A measurement; every run of it is in an interpreter of its own."""

    title: str
    unit: str
    run: Callable[[type[Peer]], float]
    """Takes one value of one library."""
    limit: Callable[[], float] | None = None
    """Takes one value of what the machine allows."""
    limit_title: str = ""
    more_is_better: bool = False
    peers: tuple[str, ...] = ("mp.Pool", "cf", "loky", "pebble", "mpire")
    """With whom it is compared."""
    leaves_pool: bool = False
    """Whether the pool is afterwards as it was, so that one can be used for several measurements."""
