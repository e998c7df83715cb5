"""Under which terms an experiment was run last: its objective and its limits."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

__all__ = ["changes", "make_terms"]

Terms = dict[str, Any]


def make_terms(objective: Mapping[str, Any], **limits: object) -> Terms:
    """Return the terms, as JSON can hold them.

    Parameters
    ----------
    objective
        What the objective says of itself.
    limits
        The limits that change what trials can achieve. How many trials there are to be is none of them.
    """
    return {"objective": _named(objective), **limits}


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in what the terms differ, a sentence each."""
    return [
        f"{key.replace('_', ' ')} was {_shown(old[key])} and is now {_shown(value)}"
        for key, value in new.items()
        if key in old and old[key] != value
    ]


def _named(objective: Mapping[str, Any]) -> str:
    if "command" in objective:
        return shlex.join(objective["command"])
    return str(objective.get("function", ""))


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
