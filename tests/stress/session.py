"""One executor of a stress run, and the threads that use it at once."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from orion.executor.process_backend import ProcessExecutor
from tests.leftovers import Standing, left_since
from tests.stress.chaos import Chaos
from tests.stress.leaks import allocated_bytes, books_not_closed, maps_left
from tests.stress.submitter import Circumstances, Submitter
from tests.stress.tally import Tally
from tests.stress.watchdog import Watchdog

__all__ = ["run_session"]

_PATIENCE = 15.0


class _Interrupted(Exception):
    """Leaves a with block as an error would."""


def run_session(seed: str, seconds: float, transport: str, tally: Tally, watchdog: Watchdog) -> None:
    """Use one executor for so long, in a way that ``seed`` decides, then see what is left of it."""
    before = Standing.now()
    rng = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="orion-stress-"))
    try:
        _use_executor(rng, seed, seconds, transport, folder, tally, watchdog)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tally.happened("sessions")
    for left in [*left_since(before, _PATIENCE), *maps_left()]:
        if "/dev/shm" not in left:  # which all programs of the machine share, and the engine does not use
            tally.failed(f"left behind by session {seed}: {left}")
    tally.allocated(allocated_bytes())


def _use_executor(
    rng: random.Random, seed: str, seconds: float, transport: str, folder: Path, tally: Tally, watchdog: Watchdog
) -> None:
    executor = ProcessExecutor(transport=transport, **_settings(rng))
    watchdog.watch(executor)
    over = threading.Event()
    way = rng.choices(["drained", "closed while busy", "left by an exception"], [5, 3, 2])[0]
    circumstances = Circumstances(executor, folder, tally, rng.random() < 0.7, over, killing=rng.random() < 0.25)
    threads: list[threading.Thread] = [
        Submitter(circumstances, f"{seed}/{number}", rng.choice([1, 4, 20, 100]))
        for number in range(rng.randrange(1, 5))
    ]
    if circumstances.killing:
        threads.append(Chaos(random.Random(f"{seed}/chaos"), tally, over))
    try:
        with executor:
            for thread in threads:
                thread.start()
            over.wait(seconds)
            circumstances.closing = way != "drained"
            if way == "left by an exception":
                raise _Interrupted
            if way == "closed while busy":
                executor.close()
            over.set()
            for thread in threads:
                thread.join()
            if way == "drained":
                for problem in books_not_closed(executor):
                    tally.failed(f"session {seed}: {problem}")
    except _Interrupted:
        pass
    over.set()
    for thread in threads:
        thread.join()
    tally.happened(f"sessions {way}")


def _settings(rng: random.Random) -> dict[str, Any]:
    return {
        "n_workers": rng.choice([1, 2, 2, 3, 4, 6]),
        "max_tasks_per_worker": rng.choice([None, None, None, 1, 25]),
        "idle_timeout": rng.choice([300.0, 300.0, 0.05]),
    }
