"""Takes all measurements several times, in an order that favours nobody."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import measures
from benchmarks.confined import Ended, run
from benchmarks.once import LIMIT, MARK
from benchmarks.peers import CONTESTANTS

__all__ = ["ROOT", "Cell", "Sitting", "plan", "take"]

_SECONDS = 60
"""How long a value may take, with all that its library needs to start and to end."""
ROOT = Path(__file__).parents[1]


class Cell(NamedTuple):
    """One value that is to be taken."""

    round: int
    measure: str
    contestant: str


class Sitting(NamedTuple):
    """Values that are taken one after the other in one interpreter, and of one pool if they are several."""

    round: int
    contestant: str
    measures: tuple[str, ...]

    def cells(self) -> list[Cell]:
        return [Cell(self.round, measure, self.contestant) for measure in self.measures]


def plan(
    contestants: Mapping[str, Sequence[str]], n_rounds: int, seed: int, *, together: bool = False
) -> Iterator[Sitting]:
    """Yield what to measure: each measurement of each of its contestants, ``n_rounds`` times.

    The contestants follow each other directly, in an order drawn anew in each round, so that what else the machine does
    concerns them alike. The same arguments give the same order. ``together`` takes what leaves a pool as it was of one
    pool; some need long to start.
    """
    sharing = [name for name in contestants if together and measures.load(name).leaves_pool]
    groups = [tuple(sharing)] * bool(sharing) + [(name,) for name in contestants if name not in sharing]
    for number in range(1, n_rounds + 1):
        for group in groups:
            names = [*dict.fromkeys(name for measure in group for name in contestants[measure]), LIMIT]
            random.Random(f"{seed} {number} {group[0]}").shuffle(names)
            for name in names:
                wanted = [measure for measure in group if _is_wanted(measure, name, contestants[measure])]
                if wanted:
                    yield Sitting(number, name, tuple(wanted))


def _is_wanted(measure: str, contestant: str, contestants: Sequence[str]) -> bool:
    return measures.load(measure).limit is not None if contestant == LIMIT else contestant in contestants


def take(sitting: Sitting) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Take the values of a sitting; an answer holds ``value``, or ``why`` there is none.

    What hangs or ends the program has no value; the rest is taken of a new one.
    """
    python = _interpreter(sitting.contestant)
    left = sitting.cells()
    while left:
        if not python.exists():
            yield left.pop(0), {"why": f"the environment {python.parents[1].name} could not be made"}
            continue
        names = [cell.measure for cell in left]
        command = [str(python), "-m", "benchmarks.once", sitting.contestant, *names]
        ended = run(command, _SECONDS, _environment(python), partial(_has_answers, len(names)))
        for answer in _answers(ended.output):
            yield left.pop(0), answer
        if left:
            yield left.pop(0), {"why": _why(ended)}


def _answers(text: str) -> list[dict[str, Any]]:
    lines = [line for line in text.splitlines() if line.startswith(MARK) and line.endswith("}")]
    return [json.loads(line.removeprefix(MARK)) for line in lines]


def _has_answers(count: int, text: str) -> bool:
    return len(_answers(text)) == count


def _why(ended: Ended) -> str:
    if ended.code is None:
        return f"no value within {_SECONDS} s"
    if ended.code < 0:
        return f"the program was killed by signal {-ended.code}"
    return ended.errors.strip().rpartition("\n")[2][:120] or f"the program exited with {ended.code}"


def _interpreter(contestant: str) -> Path:
    if contestant == LIMIT or CONTESTANTS[contestant].environment == "bench":
        return Path(sys.executable)
    return ROOT / ".venvs" / CONTESTANTS[contestant].environment / "bin" / "python"


def _environment(python: Path) -> dict[str, str]:
    """Return the variables of a program: its commands are found, and so are these modules in its workers."""
    found = {
        **os.environ,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "VIRTUAL_ENV": str(python.parents[1]),
    }
    # Peers are installed with their bytecode; ours has to be allowed to keep what it compiles.
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found
