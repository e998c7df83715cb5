"""The page of the documentation on what was measured: tables, plots, and what is to be known about both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks import measures
from benchmarks.once import LIMIT
from benchmarks.peers import CONTESTANTS, Contestant
from benchmarks.report import circumstances_of, number
from benchmarks.results import Results

__all__ = ["TABLES", "as_page", "measured", "with_our_engines"]

TABLES = {
    "Waiting": ("start", "round_trip", "any_of_10k", "replacement"),
    "Throughput": ("throughput", "tasks_1ms", "tasks_10ms", "tasks_100ms", "echo_32mb"),
    "What it costs": ("pending_memory", "idle_cpu", "grid_search"),
}
"""The measurements, by the heading of their table."""

_BEGIN, _END = "<!-- written by make bench -->\n", "<!-- end -->\n"
"""Where the page on choosing an engine has the values of ours."""
_OURS = ("start", "round_trip", "throughput", "tasks_10ms", "echo_32mb", "pending_memory", "idle_cpu", "replacement")

_HEAD = """\
# Benchmarks

Our engines beside the libraries that one would use instead, all measured in one run of `make bench`, which also writes
this page.

{circumstances}

What the values mean:

- *Start*: from making a pool to its first result; workers are no copies of the driver, as is needed where it has
  threads or uses a GPU.
- *Round trip*: one no-op, from its submission to its result. *No-op throughput*: 10,000 of them submitted at once.
  *Tasks of N ms*: of computing in Python, on all CPUs; what the machine allows is the same computing without a pool.
- *One completion among 10,000*: how long it takes to be given the one task that has ended, of so many.
- *Echo*: an array goes to a task and comes back.
- *Memory*: of the driver, for each task that waits. *CPU when idle*: of all threads and processes of a pool without
  work, the calling thread's left out.
- *Death to replacement*: a task kills its worker; until the next task begins.
- *Grid search*: scikit-learn's `GridSearchCV` of 36 fits to digits, through joblib's backend of that name; each has to
  find the same scores as one fit after the other.

Several rounds give the median of several values. In each, the contestants follow each other directly, in an order drawn
anew. The values that leave a pool as it was are taken of one pool, the others of one each, and always in an interpreter
of its own. Pools have as many workers as there are CPUs, or one where one is asked about, and the settings that their
documentation recommends for many independent tasks; in Dask and Ray, a task that kills its worker is not run again. Of
the slowest, fewer tasks are measured; what takes longer than a minute is ended. Oríon and executorlib have environments
of their own, since the one has our import path and the other needs older versions of what the rest needs.

`benchmarks/results.jsonl` holds the values themselves.
"""


def as_page(results: Results) -> str:
    """Return the page, as Markdown."""
    lines = [_HEAD.format(circumstances=circumstances_of(results))]
    for heading, names in TABLES.items():
        picture = f"benchmarks/{heading.split()[0].lower()}.svg"
        lines += [f"## {heading}", "", f"![{heading}: the table below as bars]({picture})", ""]
        lines += [*_table(results, names, list(CONTESTANTS)), ""]
    return "\n".join(lines)


def with_our_engines(results: Results, page: str) -> str:
    """Return the page on choosing an engine, with what was measured of ours."""
    head, rest = page.split(_BEGIN)
    ours = [name for name, it in CONTESTANTS.items() if it.is_ours]
    title = "## What they cost, measured beside [other libraries](benchmarks.md)"
    below = ["```{toctree}", ":hidden:", "", "benchmarks", "```"]
    text = "\n".join(["", title, "", circumstances_of(results), "", *_table(results, _OURS, ours), "", *below, ""])
    return f"{head}{_BEGIN}{text}\n{_END}{rest.partition(_END)[2]}"


def measured(results: Results, measure: str) -> Iterator[tuple[Contestant, float | None]]:
    """Yield each contestant with its median."""
    for name, contestant in CONTESTANTS.items():
        yield contestant, results.median(measure, name)


def _table(results: Results, names: Sequence[str], contestants: Sequence[str]) -> list[str]:
    of = [measures.load(name) for name in names]
    lines = ["| | " + " | ".join(f"{measure.title}, {measure.unit}" for measure in of) + " |"]
    lines.append("|---" + "|---:" * len(names) + "|")
    for name in contestants:
        lines.append(f"| {_title(results, name)} | {' | '.join(_cell(results, it, name) for it in names)} |")
    limits = [
        f"{_cell(results, name, LIMIT)} ({it.limit_title})" if it.limit else ""
        for name, it in zip(names, of, strict=True)
    ]
    return [*lines, f"| *what the machine allows* | {' | '.join(limits)} |"]


def _title(results: Results, name: str) -> str:
    contestant = CONTESTANTS[name]
    if contestant.is_ours:
        return f"**{contestant.title}**"
    return f"{contestant.title} {results.versions.get(name, '')}".strip()


def _cell(results: Results, measure: str, contestant: str) -> str:
    value = results.median(measure, contestant)
    if value is None:
        return results.reasons[measure].get(contestant, "not measured").replace("|", "/")
    if contestant == _best(results, measure):
        return f"**{number(value)}**"
    return number(value)


def _best(results: Results, measure: str) -> str:
    medians = {name: value for name in CONTESTANTS if (value := results.median(measure, name)) is not None}
    choose = max if measures.load(measure).more_is_better else min
    return choose(medians, key=medians.__getitem__, default="")
