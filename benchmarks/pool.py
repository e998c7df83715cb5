"""``python -m benchmarks.pool``: the process engine beside other pools, row by row of what it is to reach."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.figures import FIGURES
from benchmarks.report import as_json, as_markdown
from benchmarks.rounds import take_rounds

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
    rounds = take_rounds(
        [figure.measure for figure in figures],
        1 if settings.quick else settings.rounds,
        settings.seed,
        lambda text: print(text, file=sys.stderr, flush=True),
    )
    table = ""
    for results in rounds:
        table = as_markdown(figures, results)
        if settings.output is not None:
            is_json = settings.output.suffix == ".json"
            settings.output.write_text(as_json(figures, results) if is_json else table)
    print(table)


if __name__ == "__main__":
    main()
