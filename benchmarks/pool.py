"""``python -m benchmarks.pool``: the process engine beside other pools, row by row of what it is to reach."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.figures import FIGURES
from benchmarks.report import as_json, as_markdown
from benchmarks.results import Results
from benchmarks.rounds import plan, take

__all__ = ["main"]


def main() -> None:
    """Measure, and print the table; also into a file if one is named."""
    names = [figure.measure for figure in FIGURES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pool", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round instead of --rounds")
    parser.add_argument("--rounds", type=int, default=5, help="how often each value is taken (default: %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="ROW", help=", ".join(names))
    parser.add_argument("--seed", type=int, default=1, help="of the order of the contestants")
    parser.add_argument("--output", type=Path, help="write the table (.md) or all values (.json) there")
    settings = parser.parse_args()
    figures = [figure for figure in FIGURES if figure.measure in settings.rows]
    contestants = {figure.measure: ["ours", *figure.of.peers] for figure in figures}
    results = Results.begin(None)
    before = None
    for sitting in plan(contestants, 1 if settings.quick else settings.rounds, settings.seed):
        (measure,) = sitting.measures
        if before != (before := (sitting.round, measure)):
            print(f"round {sitting.round}: {measure}", file=sys.stderr, flush=True)
        if sitting.contestant in results.reasons[measure]:
            continue
        for cell, answer in take(sitting):
            results.add(cell, answer)
        if settings.output is not None:
            is_json = settings.output.suffix == ".json"
            settings.output.write_text(as_json(figures, results) if is_json else as_markdown(figures, results))
    print(as_markdown(figures, results))


if __name__ == "__main__":
    main()
