"""What libraries with ``concurrent.futures`` futures have in common."""

from __future__ import annotations

from concurrent import futures
from typing import Any

from benchmarks.peers.peer import Peer

__all__ = ["FuturesPeer"]


class FuturesPeer(Peer):
    """Its handles are ``concurrent.futures.Future``."""

    def result(self, handle: Any) -> Any:
        return handle.result()

    def is_done(self, handle: Any) -> bool:
        return bool(handle.done())

    def take_done(self, handles: list[Any]) -> list[Any]:
        done, pending = futures.wait(handles, return_when=futures.FIRST_COMPLETED)
        handles[:] = pending
        return list(done)
