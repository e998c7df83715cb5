"""Where a worker process says how its task reaches the executor that runs it.

A module of its own, since every worker imports it and most need nothing else of the contract.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion.executor._core.executor import BaseExecutor

__all__ = ["attach"]

attach: Callable[[str, int, type[BaseExecutor]], BaseExecutor | None] | None = None
"""Makes, in a worker, the executor that an unpickled executor becomes; arguments: key, n_workers, engine class."""
