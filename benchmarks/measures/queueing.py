"""A pool whose one worker is kept from working, so that tasks stay pending; some measurements are made of it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers import Peer
from benchmarks.tasks import noop, wait_for

__all__ = ["Blocked", "blocked"]


class Blocked:
    """A pool whose worker waits until it is let go."""

    def __init__(self, peer: Peer, folder: Path) -> None:
        self.peer = peer
        self._folder = folder
        self._gates = 0

    def block(self) -> Any:
        """Submit one more task that waits."""
        self._gates += 1
        return self.peer.submit(wait_for, str(self._folder / str(self._gates)))

    def release(self, number: int) -> None:
        """Let the task go that was submitted as the ``number``-th."""
        (self._folder / str(number)).touch()


@contextlib.contextmanager
def blocked(kind: type[Peer]) -> Iterator[Blocked]:
    """Make a pool with one worker, which works already."""
    kind.needs_background()
    peer = kind(1)
    peer.result(peer.submit(noop))
    with tempfile.TemporaryDirectory() as folder:
        made = Blocked(peer, Path(folder))
        try:
            yield made
        finally:
            for number in range(made._gates + 1):
                made.release(number)
            time.sleep(0.01)
            peer.close()
