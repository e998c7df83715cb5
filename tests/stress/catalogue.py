"""All kinds of tasks, and the drawing of one."""

from __future__ import annotations

import random

from tests.stress import arrays, deadly, nested, plain
from tests.stress.case import Kind

__all__ = ["KINDS", "draw"]

KINDS = [*plain.KINDS, *deadly.KINDS, *arrays.KINDS, *nested.KINDS]


def draw(rng: random.Random, *, with_nested: bool) -> Kind:
    """Draw a kind; a pool that has met nested work sends less ahead, so some sessions are without."""
    kinds = KINDS if with_nested else [kind for kind in KINDS if kind not in nested.KINDS]
    return rng.choices(kinds, [kind.weight for kind in kinds])[0]
