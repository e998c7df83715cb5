"""The executor that runs an experiment's trials, after checking that it can do what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orion.executor import BaseExecutor, ExecutorError, create_executor
from orion.experiment.errors import ArgumentError
from orion.experiment.objectives.commands import Command
from orion.experiment.trial.attempt import Objective
from orion.experiment.trial.gpus import GpuLeases, visible_gpus

__all__ = ["Engine"]


class Engine:
    """An executor for trials.

    Parameters
    ----------
    executor
        The name of an engine, or an executor, which is left open.
    n_workers
        How many trials run at a time; goes with a name.
    objective
        What it is to run.
    trial_timeout
        Seconds that a trial may run.
    gpus_per_trial, gpus
        How many GPUs a trial has, and which there are; ``None`` for all that this process sees.

    Raises
    ------
    ArgumentError
        If it cannot do that.
    """

    def __init__(
        self,
        executor: str | BaseExecutor,
        n_workers: int,
        objective: Objective,
        *,
        trial_timeout: float | None = None,
        gpus_per_trial: float | None = None,
        gpus: Sequence[int | str] | None = None,
    ) -> None:
        self.owned = not isinstance(executor, BaseExecutor)
        self.name = executor if isinstance(executor, str) else type(executor).__name__
        self.leases: GpuLeases | None = None
        if isinstance(executor, BaseExecutor):
            if n_workers != -1:
                raise ArgumentError("n_workers goes with the name of an engine; an executor has its workers already")
            self.executor = executor
        else:
            self.executor = _create(executor, n_workers, defaults(executor, gpus_per_trial))
        self.options: dict[str, Any] = {} if trial_timeout is None else {"timeout": trial_timeout}
        try:
            if isinstance(objective, Command):
                _check_can_stop(self.executor)
            if gpus_per_trial is not None:
                self._share_gpus(gpus_per_trial, gpus, objective)
            self.executor.options(**self.options)
        except (ExecutorError, ArgumentError) as error:
            self.close()
            raise ArgumentError(str(error)) from error

    def close(self) -> None:
        """Close the executor, unless it was given."""
        if self.owned:
            self.executor.close()

    def _share_gpus(self, per_trial: float, gpus: Sequence[int | str] | None, objective: Objective) -> None:
        if "gpus" not in self.executor.limitations:  # a cluster, which knows its GPUs
            if gpus is not None:
                raise ArgumentError(f"the engine {self.name} shares out its GPUs itself: leave out which ones")
            self.options["gpus"] = per_trial
            return
        if "worker_death" in self.executor.limitations and "background" not in self.executor.limitations:
            raise ArgumentError(
                f"the trials of {self.name} share one process, which sees all GPUs or none; the process engine gives "
                "each its own"
            )
        in_this_process = "worker_death" in self.executor.limitations
        is_used = not isinstance(objective, Command)  # by the process that runs the task, not by what that starts
        is_fresh = getattr(self.executor, "max_tasks_per_worker", None) == 1
        if is_used and not (is_fresh or in_this_process):
            raise ArgumentError(
                "a process that has used one GPU cannot change to another: give the process engine by its name, or "
                "one that was made with max_tasks_per_worker=1, so that each trial has a process of its own"
            )
        names = visible_gpus() if gpus is None else [str(gpu) for gpu in gpus]
        self.leases = GpuLeases(
            names, per_trial, keeps_first=is_used and in_this_process, until_exit=is_used and is_fresh
        )


def defaults(name: str, gpus_per_trial: float | None) -> dict[str, Any]:
    """Return the arguments that an engine is made with for trials, unless the user says otherwise."""
    return {"max_tasks_per_worker": 1} if gpus_per_trial is not None and name.lower() == "process" else {}


def _create(name: str, n_workers: int, options: Mapping[str, Any]) -> BaseExecutor:
    try:
        return create_executor(name, n_workers=n_workers, **options)
    except (ExecutorError, ValueError, TypeError) as error:
        raise ArgumentError(str(error)) from error
    except OSError as error:  # limits on files, processes or descriptors
        raise ArgumentError(f"the engine {name} cannot be started here: {error}") from error


def _check_can_stop(executor: BaseExecutor) -> None:
    """Refuse an engine whose commands would outlive it; in the driver's own thread they end with the driver's wait."""
    if "cancel_running" in executor.limitations and "background" not in executor.limitations:
        raise ArgumentError(
            f"a command needs an engine that can stop it, and {type(executor).__name__} cannot: "
            f"{executor.limitations['cancel_running']}"
        )
