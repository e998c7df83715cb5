"""Settings that are given instead of suggested: a list in a file, or all points of a grid."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler

from orion.experiment.errors import ArgumentError, SpaceError
from orion.experiment.space.priors import LARGEST_INT, is_finite_number

__all__ = ["GivenSampler", "Settings", "check_settings", "grid", "read_settings", "spanned"]

Settings = Sequence[Mapping[str, Any]]

_LARGEST_GRID = 1_000_000
_WORDS = {"true": True, "false": False, "none": None, "null": None, "": None}


class GivenSampler(BaseSampler):
    """Suggests, for trial n, the n-th setting. The methods are those of Optuna's interface for samplers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled together: none."""
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Sample the parameters that are sampled together: none."""
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: BaseDistribution) -> Any:
        """Return the trial's value of a parameter."""
        return self._settings[trial.number][param_name]


def grid(distributions: Mapping[str, BaseDistribution]) -> list[dict[str, Any]]:
    """Return every combination of the values that parameters can have; the last one varies fastest.

    Raises
    ------
    ArgumentError
        If a parameter has no finite number of values, or there are too many combinations.
    """
    axes = [_values(name, distribution) for name, distribution in distributions.items()]
    size = 1
    for axis in axes:
        size *= len(axis)
    if size > _LARGEST_GRID:
        raise ArgumentError(f"the grid has {size} points, more than {_LARGEST_GRID}")
    return [dict(zip(distributions, point, strict=True)) for point in itertools.product(*axes)]


def _values(name: str, distribution: BaseDistribution) -> Sequence[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return range(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        steps = round((distribution.high - distribution.low) / distribution.step)
        return [distribution.low + step * distribution.step for step in range(steps + 1)]
    raise ArgumentError(
        f"the sampler grid needs parameters with a finite number of values, and {name} has not; "
        f"write {name} as choices([…]), or as randint or uniform(…, discrete=True)"
    )


def read_settings(path: Path) -> list[dict[str, Any]]:
    """Read settings from a CSV file with a head, from JSON lines, or from a list in YAML or JSON.

    Raises
    ------
    ArgumentError
        If the file cannot be read, with the line if possible.
    """
    readers: dict[str, Callable[[str], Any]] = {
        ".csv": _from_csv, ".jsonl": _from_json_lines, ".ndjson": _from_json_lines, ".json": json.loads,
        ".yaml": _from_yaml, ".yml": _from_yaml,
    }  # fmt: skip
    read = readers.get(path.suffix.lower())
    if read is None:
        raise ArgumentError(f"{path}: the name of a list of settings ends in {', '.join(readers)}")
    try:
        found = read(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ArgumentError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ArgumentError(f"{path}: {' '.join(str(error).split())}") from None
    try:
        return check_settings(found)
    except SpaceError as error:
        raise ArgumentError(f"{path}: {error}") from None


def check_settings(settings: Any) -> list[dict[str, Any]]:
    """Return settings as a list of dictionaries, after checking that all have the same parameters.

    Raises
    ------
    SpaceError
        If they have not, or if one of their values cannot be a parameter's.
    """
    if isinstance(settings, str | bytes | Mapping) or not isinstance(settings, Sequence) or not settings:
        raise SpaceError("give a list of settings, each with a value for every parameter")
    names = list(settings[0]) if isinstance(settings[0], Mapping) else []
    for place, setting in enumerate(settings, 1):
        if not isinstance(setting, Mapping) or not setting:
            raise SpaceError(f"setting {place} is no mapping of parameters to values")
        if set(setting) != set(names):
            raise SpaceError(
                f"setting {place} has the parameters {', '.join(map(str, setting))}, and the first {', '.join(names)}"
            )
        for name, value in setting.items():
            if not isinstance(name, str) or not name:
                raise SpaceError(f"a parameter's name is a text, not {name!r}")
            if not (value is None or isinstance(value, str | bool) or is_finite_number(value)):
                raise SpaceError(f"setting {place}: {name} is a text, a finite number, true, false or null")
    return [{name: setting[name] for name in names} for setting in settings]


def spanned(settings: Settings) -> dict[str, BaseDistribution]:
    """Return, for each parameter, the narrowest distribution that all its values are in."""
    return {name: _span([setting[name] for setting in settings]) for name in settings[0]}


def _span(values: Sequence[Any]) -> BaseDistribution:
    kinds = {type(value) for value in values}
    if kinds == {int} and max(map(abs, values)) <= LARGEST_INT:
        return IntDistribution(min(values), max(values))
    if kinds <= {int, float} and kinds != {int}:
        return FloatDistribution(min(values), max(values))
    return CategoricalDistribution(list({(type(value), value): value for value in values}.values()))


def _from_csv(text: str) -> list[dict[str, Any]]:
    rows = list(csv.reader(text.splitlines()))
    if not rows or not all(rows[0]):
        raise ValueError("the first line names the parameters")
    head, body = rows[0], [(line, row) for line, row in enumerate(rows[1:], 2) if row]
    for line, row in body:
        if len(row) != len(head):
            raise ValueError(f"line {line} has {len(row)} values, and the head {len(head)}")
    columns = [_typed([row[place] for _, row in body]) for place in range(len(head))]
    return [dict(zip(head, row, strict=True)) for row in zip(*columns, strict=True)]


def _typed(cells: list[str]) -> list[Any]:
    """Return the cells of a column as the plainest type that all of them have."""
    cells = [cell.strip() for cell in cells]
    for convert in (int, float, lambda cell: _WORDS[cell.lower()]):
        try:
            return [convert(cell) for cell in cells]
        except (ValueError, KeyError):
            continue
    return list(cells)


def _from_json_lines(text: str) -> list[Any]:
    found = []
    for line, content in enumerate(text.splitlines(), 1):
        if content.strip():
            try:
                found.append(json.loads(content))
            except ValueError as error:
                raise ValueError(f"line {line} is no JSON: {error}") from None
    return found


def _from_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML: {error}") from None
