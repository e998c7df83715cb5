"""What the process engine says of resources asked for task by task."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["RESOURCES"]

RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        "cpus": "the workers share the CPUs of this machine: ProcessExecutor(n_workers=…) says how many tasks run at a "
        "time, and each worker's libraries use a fair share of the CPUs",
        "gpus": "GPUs are given to workers rather than to tasks: ProcessExecutor(gpus=…) has each worker see one",
    }
)
"""Guarantees that it cannot keep, with the reasons."""
