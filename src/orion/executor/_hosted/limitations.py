"""What cannot be kept where calls run in the workers of another library, which may be on other machines."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ELSEWHERE"]

_LOCAL = "it comes over a socket of this machine, and the workers may be on others: their own logs have it"

ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "output": _LOCAL,
        "output_of_processes": _LOCAL,
        "logs": _LOCAL,
        "tracing": "the clocks of other machines are others: the library's own dashboard shows who was busy when",
    }
)
"""Guarantees that it cannot keep, with the reasons."""
