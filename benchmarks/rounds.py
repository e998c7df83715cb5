"""Takes all measurements several times, in an order that favours nobody."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks import measures
from benchmarks.once import LIMIT

__all__ = ["Results", "take_rounds"]

_SECONDS_TO_WAIT = 60
# Peers are installed with their bytecode; ours has to be allowed to keep what it compiles.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass
class Results:
    """What was measured."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """By measurement and contestant."""
    reasons: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """Why there is no value."""
    loads: list[float] = field(default_factory=list)
    """How many processes wanted a CPU, at the start and after each round."""

    def median(self, measure: str, contestant: str) -> float | None:
        values = self.values[measure][contestant]
        return statistics.median(values) if values else None


def take_rounds(names: Sequence[str], n_rounds: int, seed: int, say: Callable[[str], object]) -> Iterator[Results]:
    """Take each measurement of each contestant ``n_rounds`` times; yield what there is after each round.

    The contestants of one measurement follow each other directly, in an order drawn anew in each round, so that what
    else the machine does concerns them alike.
    """
    results = Results(loads=[os.getloadavg()[0]])
    rng = random.Random(seed)
    for number in range(n_rounds):
        for name in names:
            measure = measures.load(name)
            contestants = ["ours", *measure.peers, *([LIMIT] if measure.limit else [])]
            rng.shuffle(contestants)
            for contestant in contestants:
                if contestant not in results.reasons[name]:
                    _take(results, name, contestant)
            say(f"round {number + 1} of {n_rounds}: {measure.title}")
        results.loads.append(os.getloadavg()[0])
        yield results


def _take(results: Results, name: str, contestant: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.once", name, contestant],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=_SECONDS_TO_WAIT)
    except subprocess.TimeoutExpired:
        results.reasons[name][contestant] = f"no value within {_SECONDS_TO_WAIT} s"
        return
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # some libraries leave processes behind
        process.wait()
    if process.returncode:
        results.reasons[name][contestant] = errors.strip().rpartition("\n")[2]
        return
    answer = json.loads(output.strip().rpartition("\n")[2])
    if "value" in answer:
        results.values[name][contestant].append(answer["value"])
    else:
        results.reasons[name][contestant] = answer["why"]
