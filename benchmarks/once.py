"""``python -m benchmarks.once CONTESTANT MEASURE…``: a value of each, as JSON, from an interpreter of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from benchmarks import measures, peers
from benchmarks.confined import adopt_orphans

__all__ = ["LIMIT", "MARK"]

LIMIT = "limit"
"""The contestant that is no library but what the machine allows."""
MARK = "measured: "
"""Before each answer, since libraries print, too."""


class _Lent:
    """Makes one pool, lends it to one measurement after the other, and closes it once all have said what they have."""

    def __init__(self, kind: type[peers.Peer], *, to_several: bool) -> None:
        self._kind = kind
        self._to_several = to_several
        self._peer: peers.Peer | None = None
        self.end: Callable[[], None] = lambda: None

    def __call__(self, n_workers: int, *, copies_driver: bool = True) -> peers.Peer:
        if self._peer is None:
            if self._to_several:
                n_workers, copies_driver = measures.N_CPUS, False
            self._peer = self._kind(n_workers, copies_driver=copies_driver)
            self.end, self._peer.close = self._peer.close, lambda: None  # type: ignore[method-assign]  # is called by each
        return self._peer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)


def main(contestant: str, *names: str) -> None:
    """Take the measurements and say what each has given: ``value``, or ``why`` there is none."""
    adopt_orphans()  # so that what a library detaches from itself is still found below this process
    if contestant == LIMIT:
        for name in names:
            limit = measures.load(name).limit
            assert limit is not None
            _say(value=limit())
        return
    try:
        kind = peers.load(contestant)
    except ImportError as error:
        for _ in names:
            _say(why=str(error))
        return
    library = peers.CONTESTANTS[contestant].library
    more = {"version": version(library)} if library else {}
    lent: Any = _Lent(kind, to_several=len(names) > 1)  # is like the class
    for name in names:
        try:
            _say(value=measures.load(name).run(lent), **more)
        except peers.NotOffered as error:
            _say(why=str(error))
    lent.end()


def _say(**answer: object) -> None:
    print(f"\n{MARK}{json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
