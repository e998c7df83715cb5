"""Tasks of all kinds on Parsl, 300 of them while one of its three workers is killed; prints what came of them."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where Parsl's commands are
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))

from parsl.concurrent import ParslPoolExecutor
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

from orion.executor.base import AsyncException
from orion.executor.errors import TaskTimeout, WorkerLost
from orion.executor.futures_backend import Futures


def config(folder: str) -> Config:
    """Return a configuration of three workers on this machine, on loopback, that looks often."""
    executor = HighThroughputExecutor(
        label="htex",
        address="127.0.0.1",
        loopback_address="127.0.0.1",
        encrypted=True,
        max_workers_per_node=3,
        cores_per_worker=1e-6,
        heartbeat_period=1,
        heartbeat_threshold=5,
        poll_period=10,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )
    return Config(executors=[executor], strategy="none", strategy_period=0.2, run_dir=folder, initialize_logging=False)


def main() -> None:
    def work(number: int) -> int:
        if number == 100:  # kill the Parsl worker: the parent of the process that forks the tasks'
            status = Path(f"/proc/{os.getppid()}/stat").read_text()
            os.kill(int(status.rpartition(")")[2].split()[1]), signal.SIGKILL)
            time.sleep(60)
        return number

    with tempfile.TemporaryDirectory() as folder, ParslPoolExecutor(config(folder)) as pool:
        with Futures(pool, 3) as executor:
            print(executor.submit(pow, 2, 10).get())
            for future in (
                executor.submit(os._exit, 3),
                executor.options(timeout=0.5).submit(time.sleep, 60),
            ):
                try:
                    future.get()
                except (TaskTimeout, WorkerLost) as error:
                    print(type(error).__name__)
            futures: list[Any] = [executor.submit(work, number) for number in range(300)]
            results: list[Any] = []
            while futures:
                results += executor.async_get(futures)
        failed = [result for result in results if isinstance(result, AsyncException)]
        print(len(results) - len(failed), len(failed), *(type(result.exception).__name__ for result in failed))


if __name__ == "__main__":
    main()
