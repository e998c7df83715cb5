"""What the Ray engine adds to Ray: the same calls through it and by Ray's own tasks and actors, in turn, in one run.

    python -m benchmarks.ray_overhead [--rounds 7] [--through-ray]

Both sides run two tasks at a time, in processes, and nothing again (``max_retries=0``); all results are fetched. It
needs the extra ``ray``.
"""

from __future__ import annotations

from benchmarks.overhead import Contestant, arguments, async_get_with_many_pending, compare, echo, of_engine
from orion.executor._ray import shortcut
from orion.executor.ray_backend import Ray

N_WORKERS = 2


class Echo:
    def echo(self, value: int) -> int:
        return value


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--through-ray", action="store_true", help="do without the socket, as with other machines")
    given = parser.parse_args()
    if given.through_ray:
        shortcut.connect = lambda name: None
    # Both sides have their own CPUs: the hosts of the engine hold theirs.
    with Ray(N_WORKERS, num_cpus=3 * N_WORKERS, log_to_driver=False) as executor:
        import ray

        task = ray.remote(num_cpus=2, max_retries=0)(echo)  # so that two run at a time, as in the engine
        actors = [ray.remote(num_cpus=0)(Echo).remote() for _ in range(N_WORKERS)]
        others = {
            "Ray's tasks": Contestant(
                lambda numbers: ray.get([task.remote(number) for number in numbers]),
                lambda number: ray.get(task.remote(number)),
            ),
            "Ray's actors": Contestant(
                lambda numbers: ray.get([actors[number % N_WORKERS].echo.remote(number) for number in numbers]),
                lambda number: ray.get(actors[0].echo.remote(number)),
            ),
        }
        compare(of_engine(executor), others, given.rounds)
        async_get_with_many_pending(executor)


if __name__ == "__main__":
    main()
