"""The part in Dask's scheduler: no task of ours is run again but by the driver."""

from __future__ import annotations

from typing import Any

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from orion.executor._dask.keys import TaskKey, is_ours, topic_of

__all__ = ["Guard"]

# No worker has this name, so a task that may run there only waits until the driver drops it.
_NOWHERE = "orion-nowhere"


class Guard(SchedulerPlugin):
    """Tells drivers which of their tasks were lost, and keeps the scheduler from running these elsewhere.

    Left to itself, Dask runs a task again when its worker has gone (``allowed-failures`` times if it has died, any
    number of times if it was closed), and also when the worker that held its result has gone.
    """

    name = "orion-guard"
    idempotent = True

    def __init__(self) -> None:
        self._scheduler: Any = None
        self._workers: dict[str, tuple[str, str]] = {}
        self._gone: list[TaskKey] = []

    async def start(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        for address in scheduler.workers:
            self.add_worker(scheduler, address)

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        state = scheduler.workers[worker]
        self._workers[worker] = (str(state.server_id), state.host)

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        if not is_ours(key):
            return
        if finish == "erred":
            self._scheduler.log_event(topic_of(key[1]), {"erred": list(key)})
        elif finish in ("released", "forgotten") and start in ("processing", "memory"):
            task = self._scheduler.tasks.get(key)
            if task is not None and task.who_wants:
                task.worker_restrictions = {_NOWHERE}
                if not self._gone:
                    self._scheduler.loop.add_callback(self._tell, "", "", "")
                self._gone.append(key)

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        self._tell(worker, *self._workers.pop(worker, ("", "")))

    def _tell(self, worker: str, server: str, host: str) -> None:
        """Tell the drivers what was lost; the worker is unknown if none was removed."""
        gone, self._gone = self._gone, []
        topics: dict[str, list[list[Any]]] = {}
        for key in gone:
            topics.setdefault(topic_of(key[1]), []).append(list(key))
        for topic, keys in topics.items():
            self._scheduler.log_event(topic, {"gone": keys, "worker": worker, "server": server, "host": host})
