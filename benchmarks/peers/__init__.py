"""The contestants, by name; each adapter is loaded when asked for, and only it imports its library."""

from __future__ import annotations

from importlib import import_module

from benchmarks.peers.peer import NotOffered, Peer

__all__ = ["NAMES", "NotOffered", "Peer", "load"]

_MODULES = {
    "ours": "ours",
    "mp.Pool": "mp_pool",
    "cf": "futures",
    "loky": "loky",
    "pebble": "pebble",
    "mpire": "mpire",
    "dask": "dask",
}
NAMES = tuple(_MODULES)


def load(name: str) -> type[Peer]:
    """Return the adapter of that name.

    Raises
    ------
    ImportError
        If its library is not installed.
    """
    kind = import_module(f"benchmarks.peers.{_MODULES[name]}").Adapter
    assert issubclass(kind, Peer)
    return kind
