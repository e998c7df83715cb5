"""Run one experiment in many processes, each of which kills itself at some write to the database; print how it went.

A script, since it forks: Python that runs tests may have threads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys

from sqlalchemy import event
from sqlalchemy.engine import Engine

from orion.experiment import Experiment

MAX_TRIALS = 8
SPACE = {"x": "uniform(-5, 5, default_value=1)", "k": "choices(['a', 'b', 'c'])"}


def objective(x: float, k: str) -> dict[str, object]:
    if k == "c":
        raise ValueError("a failing trial")
    return {"objective": x * x, "k": k}


def run(database: str, statements: int) -> None:
    """Run the experiment, and kill this process before it executes that many statements, or commits after them."""
    left = statements

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    Experiment("crash", SPACE, database, seed=1).run(objective, MAX_TRIALS, "single", progress=False)


def main(database: str, seed: int) -> None:
    generator = random.Random(seed)
    kills = 0
    while True:
        statements = generator.randint(1, 40) if generator.random() < 0.3 else generator.randint(50, 200)
        child = os.fork()
        if child == 0:
            run(database, statements)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        kills += 1
    Experiment("whole", SPACE, database, seed=1).run(objective, MAX_TRIALS, "single", progress=False)
    experiments = {name: Experiment(name, SPACE, database).result().trials for name in ("crash", "whole")}
    json.dump({"kills": kills, **{name: list(map(vars, trials)) for name, trials in experiments.items()}}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
