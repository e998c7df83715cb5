"""Says what was measured: a table of targets, a table of values, or all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.figures import Figure, Target
from benchmarks.measures import Measure, load
from benchmarks.once import LIMIT
from benchmarks.results import Results

__all__ = ["as_json", "as_markdown", "circumstances_of", "number"]

_POOLS = ("ours", "mp.Pool", "cf", "loky", "pebble", "mpire", "dask")


def as_markdown(figures: Sequence[Figure], results: Results) -> str:
    """Return two tables: what is to be reached and was, and the medians of all contestants."""
    return (
        "\n".join([circumstances_of(results), "", *_targets(figures, results), "", *_medians(figures, results)]) + "\n"
    )


def as_json(figures: Sequence[Figure], results: Results) -> str:
    """Return every value."""
    measured = {
        figure.measure: {
            "title": figure.of.title,
            "unit": figure.of.unit,
            "values": results.values[figure.measure],
            "no_value": results.reasons[figure.measure],
        }
        for figure in figures
    }
    return json.dumps({"where": results.where, "loads": results.loads, "measured": measured}, indent=1)


def circumstances_of(results: Results) -> str:
    """Return where, when and how often it was measured."""
    rounds, where = max((cell.round for cell in results.taken), default=0), results.where
    taken = f"Medians of {rounds} rounds" if rounds > 1 else "Values of one round"
    return (
        f"{taken}, {where['date']}, commit {where['commit']}; Python {where['python']}, "
        f"{where['system']}, {where['cpus']} CPUs ({where['processor']}), {where['memory_gb']} GB of memory; "
        f"load {min(results.loads):.1f} to {max(results.loads):.1f}."
    )


def _targets(figures: Sequence[Figure], results: Results) -> list[str]:
    lines = ["| figure | ours | against | its value | reached | target | met |", "|---|---|---|---|---|---|---|"]
    for figure in figures:
        ours = results.median(figure.measure, "ours")
        for target in figure.targets:
            if ours is None:
                why = results.reasons[figure.measure].get("ours", "")
                lines.append(f"| {figure.of.title} | – | {target.against} | | {why} | {target} | no |")
            else:
                lines.append(_target(figure, target, ours, results))
    return lines


def _target(figure: Figure, target: Target, ours: float, results: Results) -> str:
    measure = figure.of
    rival = _best(measure, figure.measure, results) if target.against == "best" else target.against
    other = results.median(figure.measure, rival) if rival else None
    reached, enough = target.reached(measure, ours, other)
    against = measure.limit_title if rival == LIMIT else rival or "–"
    met = "?" if enough is None else "yes" if enough else "**no**"
    shown = "–" if reached is None else number(reached)
    cells = [measure.title, _value(measure, ours), against, _value(measure, other), shown, str(target), met]
    return f"| {' | '.join(cells)} |"


def _best(measure: Measure, name: str, results: Results) -> str:
    values = {peer: value for peer in measure.peers if (value := results.median(name, peer)) is not None}
    choose = max if measure.more_is_better else min
    return choose(values, key=values.__getitem__, default="")


def _medians(figures: Sequence[Figure], results: Results) -> list[str]:
    lines = ["| median | " + " | ".join([*_POOLS, LIMIT]) + " |", "|---" * (len(_POOLS) + 2) + "|"]
    for figure in figures:
        measure = load(figure.measure)
        cells = [_value(measure, results.median(figure.measure, name), unit=False) for name in (*_POOLS, LIMIT)]
        lines.append(f"| {measure.title} ({measure.unit}) | " + " | ".join(cells) + " |")
    reasons = [
        f"- {load(name).title}, {peer}: {why}"
        for name, by_peer in results.reasons.items()
        for peer, why in by_peer.items()
    ]
    return [*lines, *(["", "No value:", "", *reasons] if reasons else [])]


def _value(measure: Measure, value: float | None, *, unit: bool = True) -> str:
    if value is None:
        return "–"
    return f"{number(value)} {measure.unit}" if unit else number(value)


def number(value: float) -> str:
    """Return a value as it is shown."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
