"""``python -m benchmarks``: our engines beside the peers, in one run; writes the page of the docs and its plots."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.page import TABLES, as_page, with_our_engines
from benchmarks.peers import CONTESTANTS
from benchmarks.plots import write_plots
from benchmarks.results import Results, circumstances
from benchmarks.rounds import ROOT, Sitting, plan, take

__all__ = ["main"]

_NAMES = [name for names in TABLES.values() for name in names]


def main() -> None:
    """Measure, keep each value, and write the page once all are there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each value is taken (default: %(default)s)")
    parser.add_argument("--measures", nargs="+", choices=_NAMES, default=_NAMES, metavar="NAME", help=", ".join(_NAMES))
    parser.add_argument("--peers", nargs="+", choices=[*CONTESTANTS], default=[*CONTESTANTS], metavar="NAME")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the contestants")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results.jsonl", help="the values")
    parser.add_argument("--resume", action="store_true", help="go on with the values that are there")
    parser.add_argument("--seconds", type=float, help="begin no value after so long; --resume takes the rest")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page; plots beside it")
    parser.add_argument("--report", action="store_true", help="measure nothing; write the page from what there is")
    settings = parser.parse_args()
    results = Results.read(settings.results) if settings.report else _results(settings)
    over = None if settings.seconds is None else time.monotonic() + settings.seconds
    for sitting in [] if settings.report else _remaining(results, settings):
        if over is not None and time.monotonic() > over:
            sys.exit("not all is measured yet: go on with --resume")
        for cell, answer in take(sitting):
            results.add(cell, answer)
            print(*cell, answer.get("value", answer.get("why")), sep="  ", file=sys.stderr, flush=True)
    settings.page.write_text(as_page(results), encoding="utf-8")
    engines = settings.page.with_name("engines.md")
    if engines.exists():
        engines.write_text(with_our_engines(results, engines.read_text(encoding="utf-8")), encoding="utf-8")
    write_plots(results, settings.page.with_suffix(""))
    print(settings.page)


def _results(settings: argparse.Namespace) -> Results:
    if not settings.resume or not settings.results.exists():
        return Results.begin(settings.results)
    results, here = Results.read(settings.results), circumstances()
    changed = {name for name in here if name != "date" and here[name] != results.where.get(name)}
    if changed - {"commit"} or ("commit" in changed and any(_remaining(results, settings))):
        sys.exit(
            f"{settings.results} was measured elsewhere ({', '.join(sorted(changed))}): begin anew, without --resume"
        )
    return results


def _remaining(results: Results, settings: argparse.Namespace) -> Iterator[Sitting]:
    """Yield what has not been taken; what cannot be measured is tried once."""
    contestants = dict.fromkeys(settings.measures, settings.peers)
    for sitting in plan(contestants, settings.rounds, settings.seed, together=True):
        left = [
            cell.measure
            for cell in sitting.cells()
            if cell not in results.taken and cell.contestant not in results.reasons[cell.measure]
        ]
        if left:
            yield sitting._replace(measures=tuple(left))


if __name__ == "__main__":
    main()
