"""What the Dask engine adds to Dask: the same calls through it and by Dask's own client, on the same workers.

    python -m benchmarks.dask_overhead [--rounds 7]

It needs the extra ``dask``. The engine settles each future when its task ends; Dask's client does the same where
results are collected as they complete, and less where all are gathered at the end, in one message a worker.
"""

from __future__ import annotations

from functools import partial

from distributed import Client, LocalCluster, as_completed

from benchmarks.overhead import Contestant, arguments, async_get_with_many_pending, compare, echo, of_engine
from orion.executor.dask_backend import Dask

N_WORKERS = 2


def main() -> None:
    rounds = arguments(__doc__).parse_args().rounds
    with (
        LocalCluster(
            n_workers=N_WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
        Dask(client=client) as executor,
    ):
        one = partial(trip, client)
        others = {
            "as they complete": Contestant(partial(as_they_complete, client), one),
            "gathered at the end": Contestant(partial(at_the_end, client), one),
        }
        compare(of_engine(executor), others, rounds)
        async_get_with_many_pending(executor)


def as_they_complete(client: Client, numbers: range) -> list[object]:
    futures = [client.submit(echo, number, pure=False, retries=0) for number in numbers]
    return [result for _, result in as_completed(futures, with_results=True)]


def at_the_end(client: Client, numbers: range) -> object:
    return client.gather([client.submit(echo, number, pure=False, retries=0) for number in numbers])


def trip(client: Client, number: int) -> object:
    return client.submit(echo, number, pure=False, retries=0).result()


if __name__ == "__main__":
    main()
