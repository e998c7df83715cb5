"""The contestants, by name; each adapter is loaded when asked for, and only it imports its library."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from benchmarks.peers.peer import NotOffered, Peer

__all__ = ["CONTESTANTS", "Contestant", "NotOffered", "Peer", "load"]


@dataclass(frozen=True)
class Contestant:
    """A library, or one of its pools."""

    title: str
    module: str
    adapter: str = "Adapter"
    library: str = ""
    """The distribution whose version is shown; empty for the standard library."""
    environment: str = "bench"
    """The folder of its interpreter, in ``.venvs``; see ``environments/`` on why some have their own."""

    @property
    def is_ours(self) -> bool:
        return self.library == "orion-executor"


def _ours(title: str, adapter: str = "Adapter") -> Contestant:
    return Contestant(title, "ours", adapter, library="orion-executor")


def _orion(title: str, adapter: str = "Adapter") -> Contestant:
    return Contestant(title, "orion", adapter, library="orion", environment="bench-orion")


CONTESTANTS = {
    "ours": _ours("process"),
    "ours-thread": _ours("thread", "Thread"),
    "ours-single": _ours("single", "Single"),
    "ours-dask": _ours("dask", "Dask"),
    "ours-ray": _ours("ray", "Ray"),
    "ours-loky": _ours("futures over loky (joblib)", "Loky"),
    "cf": Contestant("concurrent.futures", "futures"),
    "mp.Pool": Contestant("multiprocessing.Pool", "mp_pool"),
    "loky": Contestant("loky", "loky", library="loky"),
    "joblib": Contestant("joblib", "joblib", library="joblib"),
    "pebble": Contestant("Pebble", "pebble", library="pebble"),
    "mpire": Contestant("mpire", "mpire", library="mpire"),
    "executorlib": Contestant("executorlib", "executorlib", library="executorlib", environment="bench-executorlib"),
    "dask": Contestant("Dask", "dask", library="distributed"),
    "ray": Contestant("Ray", "ray", library="ray"),
    "parsl": Contestant("Parsl", "parsl", library="parsl"),
    "orion": _orion("Oríon, PoolExecutor"),
    "orion-dask": _orion("Oríon, Dask", "Dask"),
}


def load(name: str) -> type[Peer]:
    """Return the adapter of that name.

    Raises
    ------
    ImportError
        If its library is not installed.
    """
    contestant = CONTESTANTS[name]
    kind = getattr(import_module(f"benchmarks.peers.{contestant.module}"), contestant.adapter)
    assert issubclass(kind, Peer)
    return kind
