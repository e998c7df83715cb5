"""What the Ray engine adds to Ray: the same calls through it and by Ray's own tasks and actors, in turn, in one run.

    python -m benchmarks.ray_overhead [--rounds 7] [--through-ray]

Both sides run two tasks at a time, in processes, and nothing again (``max_retries=0``); all results are fetched. It
needs the extra ``ray``. Ratios count: this machine does other things, too, which is why all are measured in every round
and the median of the rounds' ratios is shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from orion.executor._ray import shortcut
from orion.executor.base import BaseExecutor, Future
from orion.executor.ray_backend import Ray

N_WORKERS = 2
N_TASKS, N_TRIPS, N_PENDING = 1000, 100, 10_000


def echo(value: int) -> int:
    return value


class Echo:
    def echo(self, value: int) -> int:
        return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--through-ray", action="store_true", help="do without the socket, as with other machines")
    given = parser.parse_args()
    if given.through_ray:
        shortcut.connect = lambda name: None
    rounds = given.rounds
    # Both sides have their own CPUs: the hosts of the engine hold theirs.
    with Ray(N_WORKERS, num_cpus=3 * N_WORKERS, log_to_driver=False) as executor:
        import ray

        task = ray.remote(num_cpus=2, max_retries=0)(echo)  # so that two run at a time, as in the engine
        actors = [ray.remote(num_cpus=0)(Echo).remote() for _ in range(N_WORKERS)]
        contestants: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
            "engine": (lambda: engine_throughput(executor), lambda: trip(lambda: executor.submit(echo, 1).get())),
            "Ray's tasks": (
                lambda: bare_throughput(ray, task.remote),
                lambda: trip(lambda: ray.get(task.remote(1))),
            ),
            "Ray's actors": (
                lambda: bare_throughput(ray, lambda number: actors[number % N_WORKERS].echo.remote(number)),
                lambda: trip(lambda: ray.get(actors[0].echo.remote(1))),
            ),
        }
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            for name, (throughput, latency) in contestants.items():
                figures = throughput(), latency()
                if number:  # the first round starts workers
                    measured[name].append(figures)
        show(measured)
        cpu, wall = async_get_with_many_pending(executor)
        print(f"\nasync_get with {N_PENDING} pending: {1e3 * cpu:.2f} ms of CPU, {1e3 * wall:.2f} ms")


def engine_throughput(executor: BaseExecutor) -> float:
    begin = time.perf_counter()
    executor.wait([executor.submit(echo, number) for number in range(N_TASKS)])
    return N_TASKS / (time.perf_counter() - begin)


def bare_throughput(ray: Any, call: Callable[[int], Any]) -> float:
    begin = time.perf_counter()
    ray.get([call(number) for number in range(N_TASKS)])
    return N_TASKS / (time.perf_counter() - begin)


def trip(call: Callable[[], Any]) -> float:
    """Return the median time of a call that is waited for."""
    times = []
    for _ in range(N_TRIPS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def async_get_with_many_pending(executor: BaseExecutor) -> tuple[float, float]:
    """Return the CPU time of the calling thread, and the time, of a call that returns one of very many."""
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
    return statistics.median(cpu), statistics.median(wall)


def show(measured: dict[str, list[tuple[float, float]]]) -> None:
    print(f"{'':14}{'tasks/s':>10}{'trip, µs':>10}{'engine has':>22}")
    for name, figures in measured.items():
        throughput, latency = (statistics.median(values) for values in zip(*figures, strict=True))
        more = statistics.median(e[0] / o[0] for e, o in zip(measured["engine"], figures, strict=True))
        slower = statistics.median(e[1] / o[1] for e, o in zip(measured["engine"], figures, strict=True))
        print(f"{name:14}{throughput:10.0f}{1e6 * latency:10.0f}{more:10.2f} of tasks/s{slower:8.2f} of the trip")


if __name__ == "__main__":
    main()
