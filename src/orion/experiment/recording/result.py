"""What an experiment has found: its trials, the best of them, and tables of both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, TypeAlias

__all__ = ["Direction", "ExperimentResult", "FailureGroup", "TrialRecord", "describe_end", "format_table"]

Direction: TypeAlias = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class TrialRecord:
    """One trial as it is recorded.

    Parameters
    ----------
    number
        Counted from 0, in the order in which trials were first started.
    state
        ``"completed"``, ``"pruned"``, ``"failed"``, ``"running"`` or ``"waiting"`` (queued to be run).
    parameters
        Name and value of each parameter.
    value
        The objective's value, if the trial completed and there is one objective.
    attributes
        What else the objective returned.
    failure
        ``cause``, ``type``, ``message``, ``traceback`` and ``log``, its last output, if the trial failed.
    attempt
        How often the trial was started: more than once if it was interrupted.
    seconds
        From start to end.
    values
        The values of all objectives, if the trial completed.
    intermediate
        Step and value of what the objective reported while it ran.
    attempts
        What is recorded of each attempt that has ended: where and when it ran, its seed, how it ended.
    """

    number: int
    state: str
    parameters: dict[str, Any]
    value: float | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    failure: dict[str, str] | None = None
    attempt: int = 1
    seconds: float | None = None
    values: tuple[float, ...] | None = None
    intermediate: dict[int, float] = field(default_factory=dict)
    attempts: tuple[dict[str, Any], ...] = ()

    @property
    def reason(self) -> str:
        """Why the trial failed, in one line; empty if it did not."""
        if self.failure is None:
            return ""
        return " ".join(f"{self.failure['type']}: {self.failure['message']}".split())


@dataclass(frozen=True)
class FailureGroup:
    """Trials that failed for the same reason."""

    cause: str
    reason: str
    trials: tuple[int, ...]


@dataclass(frozen=True)
class ExperimentResult:
    """The trials of an experiment.

    ``str()`` of it is a summary with a table of the best trials; a notebook shows it as a table.

    Parameters
    ----------
    name
        The experiment's name.
    direction
        ``"minimize"`` or ``"maximize"``: of the first objective, if there are several.
    trials
        All of them, in the order of their numbers.
    further
        The directions of the other objectives.
    """

    name: str
    direction: Direction
    trials: tuple[TrialRecord, ...]
    further: tuple[Direction, ...] = ()

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction of each objective."""
        return (self.direction, *self.further)

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state that occurs."""
        return dict(Counter(trial.state for trial in self.trials))

    @property
    def best(self) -> TrialRecord | None:
        """The best completed trial, the earliest of several equal ones; ``None`` if none completed.

        Of several objectives, the best by the first one.
        """
        ranked = self.ranked()
        return ranked[0] if ranked else None

    def front(self) -> list[TrialRecord]:
        """Return the best trial, and of several objectives all completed trials that no other one beats in each."""
        if not self.further:
            return self.ranked()[:1]
        ranked = self.ranked()
        return [trial for trial in ranked if not any(self._dominates(other, trial) for other in ranked)]

    def failures(self) -> list[FailureGroup]:
        """Return the failed trials, grouped by why they failed, the largest group first."""
        groups: dict[tuple[str, str], list[int]] = {}
        for trial in self.trials:
            if trial.failure is not None:
                first = f"{trial.failure['type']}: {trial.failure['message']}".strip().splitlines()[0]
                groups.setdefault((trial.failure.get("cause", "exception"), shorten(first, 200)), []).append(
                    trial.number
                )
        found = [FailureGroup(cause, reason, tuple(numbers)) for (cause, reason), numbers in groups.items()]
        return sorted(found, key=lambda group: -len(group.trials))

    def rows(self) -> list[dict[str, Any]]:
        """Return what is recorded of each trial as a flat mapping: a row of a table."""
        names = ["objective"] if not self.further else [f"objective {place}" for place in range(len(self.directions))]
        return [
            {
                "trial": trial.number,
                "state": trial.state,
                **dict(zip(names, trial.values or [None] * len(names), strict=True)),
                **trial.parameters,
                **{key: value for key, value in trial.attributes.items() if key not in trial.parameters},
                "attempt": trial.attempt,
                "seconds": trial.seconds,
                "reason": trial.reason or None,
            }
            for trial in self.trials
        ]

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        chosen = self.ranked()[:10]
        head, rows = self._cells(chosen)
        cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        names = "".join(f"<th>{escape(name)}</th>" for name in head)
        return f"<p>{escape(self.summary())}</p>" + (f"<table><tr>{names}</tr>{cells}</table>" if chosen else "")

    def _dominates(self, one: TrialRecord, other: TrialRecord) -> bool:
        signs = [1 if direction == "minimize" else -1 for direction in self.directions]
        mine, theirs = (
            [sign * value for sign, value in zip(signs, it.values or (), strict=True)] for it in (one, other)
        )
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    def ranked(self) -> list[TrialRecord]:
        """Return the completed trials, the best first."""
        completed = [trial for trial in self.trials if trial.values]
        return sorted(completed, key=lambda trial: rank(trial, self.direction))

    def summary(self) -> str:
        """Return one line: how many trials there are of each state."""
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.counts.items()))
        return f"{self.name}: {counts or 'no trials yet'} ({', '.join(self.directions)})"

    def table(self, trials: Sequence[TrialRecord] | None = None) -> str:
        """Return an aligned table of some trials, by default of the ten best."""
        chosen = self.ranked()[:10] if trials is None else list(trials)
        return format_table(*self._cells(chosen))

    def _cells(self, chosen: Sequence[TrialRecord]) -> tuple[list[str], list[list[str]]]:
        """Return the head and the rows of a table of some trials."""
        names = list(dict.fromkeys(name for trial in chosen for name in trial.parameters))
        mixed = len({trial.state for trial in chosen}) > 1
        rows = [
            [
                str(trial.number),
                trial.state if mixed else "",
                ", ".join(map(format_value, trial.values or ())),
                *(format_value(trial.parameters.get(name, "")) for name in names),
                "" if trial.seconds is None else f"{trial.seconds:.2f}",
                shorten(trial.reason, 80),
            ]
            for trial in chosen
        ]
        return ["trial", "state", "objective", *names, "seconds", "reason"], rows

    def __str__(self) -> str:
        return f"{self.summary()}\n{self.table()}" if self.best is not None else self.summary()


def rank(trial: TrialRecord, direction: Direction) -> tuple[float, int]:
    """Return what to sort trials by, the best first; those without a value come last."""
    if not trial.values:
        return math.inf, trial.number
    return trial.values[0] if direction == "minimize" else -trial.values[0], trial.number


def format_value(value: Any) -> str:
    """Return a value as a table shows it: floats with six significant digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def describe_end(trial: TrialRecord) -> str:
    """Return how a finished trial ended, in a few words."""
    if trial.failure is not None:
        return f"failed, {shorten(trial.reason, 120)}"
    if trial.state == "pruned":
        step = max(trial.intermediate, default=None)
        return "pruned" if step is None else f"pruned at step {step}, {format_value(trial.intermediate[step])}"
    return ", ".join(map(format_value, trial.values or ()))


def shorten(text: str, length: int) -> str:
    """Return ``text`` in at most ``length`` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with aligned columns and a rule below the head; columns with nothing in them are left out."""
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    lines = [[row[column] for column in used] for row in (head, *rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
