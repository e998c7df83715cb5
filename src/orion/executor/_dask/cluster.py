"""A Dask cluster on this machine, made for one executor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import sys
from typing import Any

from distributed import Scheduler, SpecCluster
from distributed.deploy.subprocess import SubprocessWorker

__all__ = ["local_cluster"]

_SECONDS_TO_END = 5.0
# There is no dashboard to show a profile, and what takes it may wait for ever in Python 3.11 (CPython's issue 106883).
_UNPROFILED = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false"}


class _Worker(SubprocessWorker):
    """A worker's command that does not talk, and is asked to end before it is killed: else it leaves semaphores."""

    async def _start(self) -> None:
        spec = json.dumps({"cls": self.worker_class, "opts": self.worker_kwargs})
        command = [sys.executable, "-m", "dask", "spec", self.scheduler, "--spec", spec]
        environment = {"DASK_LOGGING__DISTRIBUTED": "critical", **_UNPROFILED, **os.environ}
        self.process = await asyncio.create_subprocess_exec(*command, env=environment)

    async def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.process.wait(), _SECONDS_TO_END)
        await super().close()


def local_cluster(n_workers: int, threads_per_worker: int, gpus: list[str]) -> SpecCluster:
    """Start a scheduler in this process, and workers that together run ``n_workers`` tasks at a time.

    The workers are commands of their own rather than children made by :mod:`multiprocessing`, as Dask's own
    ``LocalCluster`` has them: those would import ``__main__`` again, and need a guard there.
    """
    threads = n_workers if gpus else threads_per_worker  # who shares GPUs out has to have them all
    n_processes = math.ceil(n_workers / threads)
    resources: dict[str, float] = {"CPU": threads}
    if gpus:
        resources["GPU"] = len(gpus)
    environment = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
    return SpecCluster(
        scheduler={
            "cls": Scheduler,
            "options": {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
        },
        workers={
            number: _worker_spec(number, min(threads, n_workers - number * threads), resources, environment)
            for number in range(n_processes)
        },
        silence_logs=logging.CRITICAL,
        name="orion",
    )


def _worker_spec(number: int, threads: int, resources: dict[str, float], env: dict[str, str]) -> dict[str, Any]:
    options = {
        "host": "127.0.0.1",
        "nthreads": threads,
        "name": number,
        "resources": resources,
        "env": env,
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
        "memory_limit": 0,  # options(memory_gb=…) limits each task by itself
        "silence_logs": logging.CRITICAL,
        "death_timeout": 30,
    }
    return {"cls": _Worker, "options": {"worker_class": "distributed.Nanny", "worker_kwargs": options}}
