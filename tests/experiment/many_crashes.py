"""Run one experiment of 60 trials whose driver is killed at 50 random moments, and perhaps its database too.

A script, since it forks: Python that runs tests may have threads. It prints what it has found as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil
from sqlalchemy import event
from sqlalchemy.engine import Engine

from orion.experiment import Experiment, StorageError
from tests.services.postgres import Postgres, running

MAX_TRIALS = 60
KILLS = 50
SPACE = {"x": "uniform(-5, 5, default_value=1)", "k": "choices(['a', 'b', 'c'])"}
PR_SET_CHILD_SUBREAPER = 36
UNREACHABLE = 2


def objective(x: float, k: str) -> dict[str, object]:
    return {"objective": x * x, "k": k}


def run(storage: str, folder: str, engine: str) -> None:
    experiment = Experiment("crash", SPACE, storage, seed=1, sampler="random")
    experiment.run(objective, MAX_TRIALS, engine, 2, progress=False, folder=folder)


def live(storage: str, folder: str, engine: str, statements: int, delay: float) -> None:
    """Run the experiment; ``delay`` seconds after that many statements or commits, kill this process."""
    left = statements

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            if delay:
                threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    try:
        run(storage, folder, engine)
    except StorageError as error:  # it began just when the server was killed
        print(error, file=sys.stderr)
        os._exit(UNREACHABLE)


def crash(storage: str, folder: str, generator: random.Random, server: Postgres | None) -> int:
    """Let drivers live and die until enough were killed, then let one end; return how many were killed."""
    kills = lives = 0
    while True:
        lives += 1
        statements = generator.randint(1, 160) if kills < KILLS else -1
        delay = generator.choice([0.0, generator.uniform(0, 0.05)])
        engine = "process" if lives % 4 == 0 else "single"  # which starts at once, so there is time for many lives
        child = os.fork()
        if child == 0:
            live(storage, folder, engine, statements, delay)
            os._exit(0)
        if server is not None and lives % 8 == 0:
            time.sleep(generator.uniform(0, 1))
            server.kill()
            server.start()
        _, status = os.waitpid(child, 0)
        if status == 0:
            return kills
        if server is not None and os.waitstatus_to_exitcode(status) == UNREACHABLE:
            continue
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            raise SystemExit(f"a driver ended with {os.waitstatus_to_exitcode(status)}")
        kills += 1


def left_behind(but: set[int]) -> list[str]:
    """Return the processes that are still there though their driver has ended, after a while."""
    deadline = time.monotonic() + 10
    while True:
        left = [child for child in psutil.Process().children(recursive=True) if child.pid not in but]
        psutil.wait_procs(left, timeout=0.05)
        if not left or time.monotonic() > deadline:
            return [" ".join(child.cmdline()) for child in left if child.is_running()]


@contextmanager
def database(kind: str, folder: str) -> Iterator[tuple[str, Postgres | None]]:
    with running() if kind == "postgresql" else nullcontext() as server:
        yield (f"{folder}/e.db" if server is None else server.url), server


def main(kind: str, folder: str, seed: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what drivers leave is to become our child
    with database(kind, folder) as (storage, server):
        kills = crash(storage, f"{folder}/trials", random.Random(seed), server)
        servers = {child.pid for child in psutil.Process().children(recursive=True) if child.name() == "postgres"}
        left = left_behind(servers)
        trials = Experiment("crash", SPACE, storage).result().trials
    found = {"kills": kills, "left": left, "trials": [(it.number, it.state, it.attempt) for it in trials]}
    Path(folder, "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
