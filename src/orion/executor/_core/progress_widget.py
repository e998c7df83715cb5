"""Progress in a notebook."""

from __future__ import annotations

from typing import TextIO

import ipywidgets
from IPython.display import display

__all__ = ["make_display"]


class Widget:
    """A bar with a text beside it."""

    def __init__(self, label: str, total: int) -> None:
        self._total = total
        self._bar = ipywidgets.IntProgress(value=0, max=total, description=label)
        self._text = ipywidgets.Label()
        display(ipywidgets.HBox([self._bar, self._text]))  # type: ignore[no-untyped-call]  # IPython has few types

    def update(self, done: int, failed: int) -> None:
        self._bar.value = done
        self._text.value = f"{done}/{self._total}" + (f", {failed} failed" if failed else "")
        if failed:
            self._bar.bar_style = "danger"

    def close(self) -> None:
        if not self._bar.bar_style and self._bar.value == self._total:
            self._bar.bar_style = "success"


def make_display(label: str, total: int, _stream: TextIO) -> Widget:
    """Return a bar that is shown from now on, as an output of the cell that runs."""
    return Widget(label, total)
