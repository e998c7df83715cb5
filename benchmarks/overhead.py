"""What an engine adds to the library that it stands on: the same calls through both, in turn, in one run.

Ratios count: this machine does other things, too, which is why all are measured in every round and the median of
the rounds' ratios is shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from orion.executor.base import BaseExecutor, Future

__all__ = ["Contestant", "arguments", "async_get_with_many_pending", "compare", "echo", "of_engine"]

N_TASKS, N_TRIPS, N_PENDING = 1000, 100, 10_000


def echo(value: int) -> int:
    return value


class Contestant(NamedTuple):
    """Ways to run calls of :func:`echo`.

    Parameters
    ----------
    all_of
        Runs calls with the numbers of a range, and returns when their results are there.
    one
        Runs one call and returns its result.
    """

    all_of: Callable[[range], object]
    one: Callable[[int], object]


def of_engine(executor: BaseExecutor) -> Contestant:
    """Return the calls through our interface."""
    return Contestant(
        lambda numbers: executor.wait([executor.submit(echo, number) for number in numbers]),
        lambda number: executor.submit(echo, number).get(),
    )


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the arguments that all comparisons have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    return parser


def compare(engine: Contestant, others: Mapping[str, Contestant], rounds: int) -> None:
    """Measure all of them and print how the engine does beside the others."""
    contestants = {"engine": engine, **others}
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            figures = _throughput(contestant), _trip(contestant)
            if number:  # the first round starts workers
                measured[name].append(figures)
    _show(measured)


def _throughput(contestant: Contestant) -> float:
    begin = time.perf_counter()
    contestant.all_of(range(N_TASKS))
    return N_TASKS / (time.perf_counter() - begin)


def _trip(contestant: Contestant) -> float:
    """Return the median time of a call that is waited for."""
    times = []
    for number in range(N_TRIPS):
        begin = time.perf_counter()
        contestant.one(number)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def async_get_with_many_pending(executor: BaseExecutor) -> None:
    """Print the CPU time of the calling thread, and the time, of a call that returns one of very many."""
    futures: list[Future[Any]] = [executor.submit(time.sleep, 0.02) for _ in range(N_PENDING)]
    executor.async_get(futures)  # the first one sweeps the list
    cpu, wall = [], []
    for _ in range(20):
        futures[0].wait()
        begin, cpu_begin = time.perf_counter(), time.thread_time()
        executor.async_get(futures)
        cpu.append(time.thread_time() - cpu_begin)
        wall.append(time.perf_counter() - begin)
    for future in reversed(futures):
        future.cancel()
    figures = f"{1e3 * statistics.median(cpu):.2f} ms of CPU, {1e3 * statistics.median(wall):.2f} ms"
    print(f"\nasync_get with {N_PENDING} pending: {figures}")


def _show(measured: Mapping[str, list[tuple[float, float]]]) -> None:
    width = 2 + max(map(len, measured))
    print(f"{'':{width}}{'tasks/s':>10}{'trip, µs':>10}{'engine has':>22}")
    for name, figures in measured.items():
        throughput, latency = (statistics.median(values) for values in zip(*figures, strict=True))
        more = statistics.median(e[0] / o[0] for e, o in zip(measured["engine"], figures, strict=True))
        slower = statistics.median(e[1] / o[1] for e, o in zip(measured["engine"], figures, strict=True))
        print(f"{name:{width}}{throughput:10.0f}{1e6 * latency:10.0f}{more:10.2f} of tasks/s{slower:8.2f} of the trip")
