"""Write docs/guarantees.md from what the engines declare: python docs/make_guarantees.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orion.executor import _portable
from orion.executor._core.guarantees import GUARANTEES
from orion.executor._futures.limitations import IN_THREADS, IN_WORKERS
from orion.executor.base import executor_factory

ENGINES = ("process", "thread", "single", "dask", "ray", "slurm", "futures", "joblib")
TARGET = Path(__file__).with_name("guarantees.md")

HEAD = """\
# Guarantees

Every engine keeps the whole contract, proven by the conformance suite that ships as `orion.executor.testing`,
except for what it declares here, with the reason. What an engine cannot honour it refuses when it is asked for. An
executor's own exceptions are in its attribute `limitations`.

This page is made from the engines' declarations by `docs/make_guarantees.py`.
"""


def engines() -> dict[str, Mapping[str, str]]:
    """Return what each engine declares, by the engine's name in the table."""
    found = {name: executor_factory.get_class(name).limitations for name in ENGINES}
    return {
        **found,
        "futures, pool of threads": IN_THREADS,
        "futures, isolate=False": IN_WORKERS,
        "process, portable transport": _portable.limitations(),
    }


def page() -> str:
    """Return the text of the page."""
    declared = engines()
    lines = [HEAD, f"| guarantee | {' | '.join(declared)} |", f"|---|{'---|' * len(declared)}"]
    for key, promise in GUARANTEES.items():
        cells = ["refused" if key in limitations else "honoured" for limitations in declared.values()]
        lines.append(f"| {promise} | {' | '.join(cells)} |")
    for name, limitations in declared.items():
        if limitations:
            lines.append(f"\n## Exceptions of `{name}`\n")
            lines += [f"- *{GUARANTEES[key]}*: refused, since {reason}." for key, reason in sorted(limitations.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
