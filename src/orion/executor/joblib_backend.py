"""The engine of loky, the pool of joblib, under the name that Oríon gave it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from orion.executor._futures.limitations import IN_PROCESSES
from orion.executor.errors import EngineNotInstalled
from orion.executor.futures_backend import Futures

__all__ = ["HAS_LOKY", "Joblib"]

HAS_LOKY = find_spec("loky") is not None
"""Whether the library ``loky`` is installed."""


class Joblib(Futures):
    """Run tasks in a pool of loky's, which is closed with the executor.

    Exceptions from the contract (:attr:`limitations` gives each its reason): ``cancel_running``, ``cpus``, ``gpus``,
    ``output``, ``logs``, ``output_of_processes`` and ``tracing``. The engine ``process`` keeps most of these and needs
    no library.

    Parameters
    ----------
    n_workers
        The number of tasks that run at a time; ``-1`` means one for every CPU this process may use.
    backend
        ``"loky"``. For joblib's others there are the engines ``thread`` and ``process``.

    Raises
    ------
    EngineNotInstalled
        If loky is missing; the message says how to install it.
    """

    limitations = IN_PROCESSES

    def __init__(self, n_workers: int = -1, backend: str = "loky", **kwargs: Any) -> None:
        if backend != "loky":
            raise ValueError(f"unknown backend {backend!r}; it is 'loky'. The engines thread and process have others")
        if not HAS_LOKY:
            raise EngineNotInstalled.of("joblib", "loky", extra="futures")
        from loky.process_executor import ProcessPoolExecutor

        super().__init__(ProcessPoolExecutor, n_workers, **kwargs)
        self.driver_host = None  # its workers are on this machine
