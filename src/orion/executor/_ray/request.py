"""What is asked of Ray for a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from orion.executor._core.options import TaskOptions
from orion.executor.errors import OptionNotSupported

__all__ = ["Request"]

_BYTES = 10**9


class Request(NamedTuple):
    """Resources that a host holds, and hence its tasks; those that ask for the same share hosts."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0

    @classmethod
    def of(cls, options: TaskOptions) -> Request:
        """Return what a task's options ask for; one CPU where they say nothing of CPUs, as Ray does for its tasks."""
        return cls(
            1.0 if options.cpus is None else float(options.cpus),
            float(options.gpus or 0.0),
            int((options.memory_gb or 0.0) * _BYTES),
        )

    def check(self, nodes: Iterable[Mapping[str, float]], custom: Mapping[str, float]) -> None:
        """Refuse what no node has; ``nodes`` are the resources of each, as Ray names them.

        Raises
        ------
        OptionNotSupported
            Saying what the largest node has.
        """
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise OptionNotSupported(f"Ray gives a task a part of one GPU, or whole ones, and not {self.gpus:g}")
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory, **custom}
        nodes = list(nodes)
        if any(all(node.get(name, 0.0) >= amount for name, amount in wanted.items()) for node in nodes):
            return
        asked = ", ".join(_amount(name, amount) for name, amount in wanted.items() if amount)
        there = "; ".join(sorted({", ".join(_amount(name, node.get(name, 0.0)) for name in wanted) for node in nodes}))
        raise OptionNotSupported(
            f"a task would need {asked}, and no node of the Ray cluster has that. Its nodes have: {there or 'nothing'}"
        )

    def actor_options(self, custom: Mapping[str, float]) -> dict[str, Any]:
        """Return what Ray's ``options`` takes."""
        wanted: dict[str, Any] = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        if self.memory:
            wanted["memory"] = self.memory
        if custom:
            wanted["resources"] = dict(custom)
        return wanted


def _amount(name: str, amount: float) -> str:
    if name == "memory":
        return f"{amount / _BYTES:.1f} GB of memory"
    return f"{amount:g} {name}{'s' if name in ('CPU', 'GPU') and amount != 1 else ''}"
