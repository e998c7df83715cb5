"""What a command's output and its results file say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orion.experiment.errors import ArgumentError, InvalidResult, ResultUnreadable

__all__ = ["OutputReader", "compile_metric", "read_results"]

_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)"
_NAME = re.compile(r"[\w./@-]+")


def compile_metric(text: str) -> re.Pattern[str]:
    """Return the pattern that finds a metric in a line: its group ``value``, and its group ``step`` if it has one.

    A name alone, such as ``val_loss``, finds ``val_loss=0.5``, ``val_loss: 0.5`` and ``val_loss 0.5``.

    Raises
    ------
    ArgumentError
        If it is no regular expression, or has no group.
    """
    if _NAME.fullmatch(text):
        return re.compile(
            rf"(?<![\w./@-]){re.escape(text)}[\"']?\s*[=: ]\s*(?P<value>{_NUMBER})(?![\w.])", re.IGNORECASE
        )
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ArgumentError(f"the metric {text!r} is no regular expression: {error}") from None
    if not pattern.groups:
        raise ArgumentError(f"the metric {text!r} has no group that the value is in; write loss=(\\S+), for example")
    return pattern


class OutputReader:
    """Reads what a command prints on standard output: intermediate values, and its result.

    Parameters
    ----------
    metric
        The pattern that finds values. Without one, lines that are JSON objects are read: with ``"step"`` they
        are intermediate values.
    report
        Called with each intermediate value and its step.
    """

    def __init__(self, metric: re.Pattern[str] | None, report: Callable[[float, int], object]) -> None:
        self._metric = metric
        self._report = report
        self._step = 0
        self._value: float | None = None
        self._json: Any = None
        self._has_objective = False

    def read(self, line: str) -> None:
        """Take note of a line."""
        if self._metric is not None:
            self._read_metric(self._metric, line)
        else:
            self._read_json(line)

    def result(self) -> Any:
        """Return what the output says the result is.

        Raises
        ------
        InvalidResult
            If it says nothing.
        """
        if self._metric is not None:
            if self._value is None:
                raise InvalidResult(f"no line of the command's output has the metric {self._metric.pattern!r}")
            return self._value
        if self._json is None:
            raise InvalidResult(
                "the command left no result: it wrote none to the file named in ORION_RESULTS_PATH and printed no JSON "
                "line; --metric finds a value in other output"
            )
        return self._json

    def _read_metric(self, metric: re.Pattern[str], line: str) -> None:
        match = metric.search(line)
        if match is None:
            return
        groups = match.groupdict()
        try:
            self._value = float(groups["value"] if "value" in groups else match[1])
        except (TypeError, ValueError):
            return  # "loss=(\S+)" also finds "loss=function"
        step = groups.get("step")
        self._step = int(step) if step is not None and step.isdecimal() else self._step
        self._report(self._value, self._step)
        self._step += 1

    def _read_json(self, line: str) -> None:
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(content, dict) and "objective" in content:
            self._report_step(content)
            self._json, self._has_objective = content, True
        elif isinstance(content, dict | int | float) and not isinstance(content, bool) and not self._has_objective:
            self._json = content

    def _report_step(self, content: dict[str, Any]) -> None:
        step, value = content.pop("step", None), content["objective"]
        if isinstance(step, int) and isinstance(value, int | float):
            self._report(float(value), step)


def read_results(path: Path) -> Any:
    """Return what a command wrote to its results file; ``None`` if it wrote nothing.

    Beside numbers and objects, the list that Oríon's client writes is understood: an entry for each result, with its
    ``name``, ``type`` and ``value``.

    Raises
    ------
    ResultUnreadable
        If it is no JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ResultUnreadable(f"the results file {path.name} cannot be read: {error}") from None
    if not text.strip():
        return None
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ResultUnreadable(
            f"what the command wrote to the file named in ORION_RESULTS_PATH is no JSON: {error}; "
            f"it begins {text[:40]!r}"
        ) from None
    if isinstance(content, list) and content and all(isinstance(item, dict) and "value" in item for item in content):
        return _from_entries(content)
    return content


def _from_entries(entries: list[dict[str, Any]]) -> dict[str, Any]:
    objectives = [entry["value"] for entry in entries if entry.get("type") == "objective"]
    found = {str(entry.get("name")): entry["value"] for entry in entries if entry.get("type") != "objective"}
    if objectives:
        found["objective"] = objectives[0] if len(objectives) == 1 else objectives
    return found
