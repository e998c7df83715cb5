"""Tasks of all kinds on MPI ranks: run by mpi.sh; prints what came of them."""

from __future__ import annotations

import os
import time

from mpi4py.futures import MPIPoolExecutor

from orion.executor.errors import TaskTimeout, WorkerLost
from orion.executor.futures_backend import Futures
from orion.executor.testing import tasks


def main() -> None:
    with MPIPoolExecutor() as pool, Futures(pool, 2) as executor:
        print(executor.wait([executor.submit(pow, number, 2) for number in range(5)]))
        print(executor.submit(tasks.nested_sum, executor, 2, 2).get())
        for future in (
            executor.submit(os._exit, 3),
            executor.options(timeout=0.5).submit(time.sleep, 60),
            executor.submit(tasks.fail_with, KeyError, "of its own type"),
        ):
            try:
                future.get()
            except (TaskTimeout, WorkerLost, KeyError) as error:
                print(type(error).__name__)


if __name__ == "__main__":  # mpi4py runs the script in every rank, under other names in all but the first
    main()
