"""The script of a batch of jobs, and the directives in it."""

from __future__ import annotations

import math
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orion.executor._slurm.calls import Needs
from orion.executor._slurm.folder import Folder

__all__ = ["Directives"]

_NAME = re.compile(r"[a-z][a-z0-9-]*")
# What decides where results are and how often a task runs is not the user's to change.
_OURS = {
    "array",
    "begin",
    "chdir",
    "error",
    "ntasks",
    "open-mode",
    "output",
    "parsable",
    "requeue",
    "no-requeue",
    "wrap",
}
_NAMED = {
    "account": "Slurm(account=…)",
    "cpus-per-task": "options(cpus=…)",
    "gpus-per-node": "options(gpus=…)",
    "mem": "options(memory_gb=…)",
    "partition": "Slurm(partition=…)",
    "time": "Slurm(time=…)",
}
_KEEPER_MB = 64  # what the process beside the task's own needs


@dataclass(frozen=True)
class Directives:
    """What every job of an executor asks for.

    Parameters
    ----------
    partition, account
        As sbatch calls them.
    minutes
        The limit on a job's time; ``None`` for what the task's own limit, or the partition, comes to.
    python
        The command that starts Python on the nodes.
    extra
        Further directives by name, without dashes; ``True`` for those that take no value.

    Raises
    ------
    TypeError, ValueError
        For what is no directive, or not one that can be given here.
    """

    partition: str | None = None
    account: str | None = None
    minutes: int | None = None
    python: tuple[str, ...] = (sys.executable,)
    extra: Mapping[str, str | int | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in {"partition": self.partition, "account": self.account, **self.extra}.items():
            if value is not None:
                _check(name, value)
        for name in self.extra:
            if name in _NAMED:
                raise ValueError(f"directive {name!r} has an argument of its own: {_NAMED[name]}")
            if name in _OURS:
                raise ValueError(f"directive {name!r} is set by the engine itself")

    def arguments(self, needs: Needs) -> list[str]:
        """Return them as arguments of sbatch: there, unlike in a script, no value can be mistaken for anything else."""
        given = {**self._flags(needs), "partition": self.partition, "account": self.account}
        return [
            f"--{name}" if value is True else f"--{name}={value}" for name, value in given.items() if value is not None
        ]

    def of_batch(self, folder: Folder, needs: Needs, n_runs: int, at_once: int | None = None) -> list[str]:
        """Return the arguments for a batch; for several runs it is an array of jobs, ``at_once`` of them at a time."""
        arguments = [*self.arguments(needs), f"--output={folder.log('%A_%a' if n_runs > 1 else '%j')}"]
        if n_runs > 1:
            arguments.append(f"--array=0-{n_runs - 1}" + ("" if at_once is None else f"%{at_once}"))
        return arguments

    def script(self, folder: Folder, batch: int) -> str:
        """Return the script that runs a batch, or an element of it."""
        from submitit import SlurmExecutor

        writer = SlurmExecutor(folder.root)
        writer.update_parameters(
            job_name=f"orion-{folder.root.name}",
            time=None,  # which, with the rest, is an argument
            wckey=None,
            use_srun=False,
            stderr_to_stdout=True,
            additional_parameters={"output": os.devnull},
        )
        job = [*self.python, "-u", "-m", "orion.executor._slurm.job", str(folder.root), str(batch)]
        # exec: a signal that ends the job's process then is what Slurm says of the job.
        return writer._make_submission_file_text(f"exec {shlex.join(job)}", str(batch))

    def _flags(self, needs: Needs) -> dict[str, Any]:
        flags: dict[str, Any] = {"ntasks": 1, "cpus-per-task": needs.cpus, "no-requeue": True}
        if needs.gpus:
            flags["gpus-per-node"] = needs.gpus
        if needs.memory_gb is not None:
            flags["mem"] = f"{math.ceil(needs.memory_gb * 1e9 / 2**20) + _KEEPER_MB}M"
        minutes = self.minutes if self.minutes is not None else needs.minutes
        if minutes is not None:
            flags["time"] = minutes
        return {**flags, **{name: value for name, value in self.extra.items() if value is not False}}


def _check(name: object, value: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no directive of sbatch: write its long name without dashes, such as 'constraint'"
        )
    if not isinstance(value, str | int):
        raise TypeError(f"directive {name!r} takes a string, a whole number or True, not {value!r}")
    if isinstance(value, str) and (not value or not value.isprintable()):
        raise ValueError(f"the value of directive {name!r} must be one line of text, not {value!r}")
