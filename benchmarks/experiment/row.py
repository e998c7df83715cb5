"""One figure: what was measured, beside what, and what is to be reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Row", "as_table"]


class Row(NamedTuple):
    """A figure; ``other`` is what it is compared with, and ``reached`` the ratio of the two, or the figure itself."""

    title: str
    unit: str
    ours: float
    other: float | None
    reached: float
    target: float
    is_most: bool = True
    """Whether the target must not be exceeded; else it must be reached."""

    @property
    def is_reached(self) -> bool:
        return self.reached <= self.target if self.is_most else self.reached >= self.target


def as_table(rows: Sequence[Row]) -> str:
    """Return a Markdown table."""
    lines = ["| figure | ours | other | reached | target | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        other = "–" if row.other is None else f"{row.other:.3g}"
        sign = "≤" if row.is_most else "≥"
        met = "yes" if row.is_reached else "**no**"
        cells = [f"{row.title} ({row.unit})", f"{row.ours:.3g}", other, f"{row.reached:.3g}", f"{sign} {row.target:g}"]
        lines.append(f"| {' | '.join([*cells, met])} |")
    return "\n".join(lines)
