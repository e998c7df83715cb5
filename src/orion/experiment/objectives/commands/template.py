"""The arguments of a command, with places for parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orion.experiment.errors import ObjectiveError

__all__ = ["Argument", "fill", "parse_arguments", "places", "written"]

# A name, with the dashes of an option or without, perhaps "=", and a prior: --lr~loguniform(1e-5, 1). Whether that is
# well-formed is for those to say who read priors.
_WITH_PRIOR = re.compile(
    r"(?P<flag>(?P<dashes>-{0,2})(?P<name>\w[\w.-]*))(?P<equals>=?)~(?P<prior>\w+\s*\(.*)", re.DOTALL
)
_PLACE = re.compile(r"\{([A-Za-z_][\w.-]*)\}")


@dataclass(frozen=True)
class Argument:
    """One argument as it was written.

    Parameters
    ----------
    text
        The argument; ``{name}`` stands for a parameter, or for a fact about the trial.
    flag
        What comes before it as an argument of its own; empty for nothing.
    """

    text: str
    flag: str = ""


def parse_arguments(arguments: Sequence[str]) -> tuple[list[Argument], dict[str, str]]:
    """Return the arguments, and the priors that are written in them.

    ``--lr~PRIOR`` becomes ``--lr`` and the value, ``--lr=~PRIOR`` becomes ``--lr=VALUE``, and ``lr~PRIOR``, without
    dashes, becomes the value alone.

    Raises
    ------
    ObjectiveError
        If two priors have the same name.
    """
    found: list[Argument] = []
    priors: dict[str, str] = {}
    for argument in arguments:
        match = _WITH_PRIOR.fullmatch(argument)
        if match is None:
            found.append(Argument(argument))
            continue
        name = match["name"]
        if name in priors:
            raise ObjectiveError(f"parameter {name!r} is in the command twice; write {{{name}}} in the second place")
        priors[name] = match["prior"].rstrip()
        if match["equals"]:
            found.append(Argument(f"{match['flag']}={{{name}}}"))
        else:
            found.append(Argument(f"{{{name}}}", match["flag"] if match["dashes"] else ""))
    return found, priors


def places(text: str) -> Iterator[str]:
    """Yield the names that stand in braces in ``text``."""
    yield from _PLACE.findall(text)


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Return ``text`` with the values of the names that have one; other braces stay as they are."""
    return _PLACE.sub(lambda match: written(values[match[1]]) if match[1] in values else match[0], text)


def written(value: Any) -> str:
    """Return a value as an argument: floats with all their digits."""
    return repr(value) if isinstance(value, float) else str(value)
