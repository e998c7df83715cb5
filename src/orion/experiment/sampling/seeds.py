"""Seeds that depend on the experiment's seed and the trial's number, and on nothing else."""

from __future__ import annotations

import hashlib

__all__ = ["sampler_seed", "trial_seed"]


def sampler_seed(seed: int | None, number: int) -> int:
    """Return the seed of the sampler that suggests a trial's parameters."""
    return int.from_bytes(_digest(f"{seed}/{number}")[:4], "big")


def trial_seed(seed: int, number: int) -> int:
    """Return the seed that a trial's objective is given: from 0 to 2³¹ - 1, which any library accepts."""
    return int.from_bytes(_digest(f"{seed}/{number}/objective")[:4], "big") >> 1


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
