"""A command as an objective."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from orion.experiment.errors import CommandFailed, ObjectiveError
from orion.experiment.objectives.commands.config_files import ConfigFile, find_config
from orion.experiment.objectives.commands.outcome import OutputReader, compile_metric, read_results
from orion.experiment.objectives.commands.template import fill, parse_arguments, places
from orion.experiment.trial.attempt import Assignment, Attempt
from orion.experiment.trial.measured import Measured, measured
from orion.experiment.trial.output import STDERR, STDOUT, tail

__all__ = ["Command"]

_RESULTS = "ORION_RESULTS_PATH"
_FACTS = ("trial.number", "trial.attempt", "trial.seed", "trial.folder", "experiment.name")


class Command:
    """A command whose arguments have places for parameters; it knows nothing of experiments. There is no shell.

    Its result is what it writes, as JSON, to the file that the environment variable ``ORION_RESULTS_PATH`` names; or
    the last JSON line that it prints; or the last value of a metric that it prints.

    Parameters
    ----------
    arguments
        The command and its arguments. ``--lr~PRIOR`` is an option with a parameter; ``{name}`` is replaced by a
        parameter of that name, ``{trial.folder}``, ``{trial.number}``, ``{trial.seed}``, ``{trial.attempt}`` and
        ``{experiment.name}`` by what they say. In a configuration file that is among the arguments (YAML, JSON,
        TOML), values of the form ``orion~PRIOR`` are parameters.
    space
        Priors of parameters that stand in the arguments as ``{name}``.
    metric
        Which of the values that it prints is the objective: a name, such as ``val_loss``, or a regular expression
        with a group for the value, and perhaps one named ``step``.

    Raises
    ------
    ObjectiveError
        If there is no such command, or the parameters and their places do not match.
    ArgumentError
        If the metric cannot be understood.
    """

    def __init__(
        self, arguments: Sequence[str], space: Mapping[str, Any] | None = None, *, metric: str | None = None
    ) -> None:
        if not arguments:
            raise ObjectiveError("the command is empty")
        self.arguments = tuple(arguments)
        self.metric = metric
        self._given = dict(space or {})
        self._pattern: re.Pattern[str] | None = None if metric is None else compile_metric(metric)
        self._parts, priors = parse_arguments(arguments)
        self._configs: dict[int, tuple[str, ConfigFile]] = {}
        for place, part in enumerate(self._parts):
            found = find_config(part.text)
            if found is not None:
                self._configs[place] = found
        self.space: dict[str, Any] = _joined(self._given, priors, *(it.priors() for _, it in self._configs.values()))
        self._check_places()
        _check_executable(self.arguments[0])

    def describe(self) -> dict[str, Any]:
        """Return what is recorded of the command with the experiment."""
        return {
            "command": list(self.arguments),
            "space": {name: str(prior) for name, prior in self._given.items()},
            "metric": self.metric,
            "folder": os.getcwd(),
        }

    def render(self, values: Mapping[str, Any], folder: Path) -> list[str]:
        """Return the arguments with the values in their places, after writing the configuration files to ``folder``."""
        found = []
        for place, part in enumerate(self._parts):
            if part.flag:
                found.append(part.flag)
            if place in self._configs:
                prefix, config = self._configs[place]
                found.append(f"{prefix}{config.write(_own_folder(folder, place), values)}")
            else:
                found.append(fill(part.text, values))
        return found

    def __call__(self, attempt: Attempt) -> Measured:
        """Run the command and return what its result stands for."""
        assignment = attempt.assignment
        assert assignment.folder is not None
        folder = Path(assignment.folder)
        results = folder / "results.json"
        reader = OutputReader(self._pattern, attempt.report)
        arguments = self.render({**assignment.parameters, **_facts(assignment)}, folder)
        self._execute(arguments, attempt, folder, reader)
        written = read_results(results)
        return measured(
            reader.result() if written is None else written, assignment.n_objectives, "the command's result is"
        )

    def _execute(self, arguments: list[str], attempt: Attempt, folder: Path, reader: OutputReader) -> None:
        from orion.experiment.objectives.commands.process import CommandProcess, NotStarted

        killed_before = _kernel_kills()
        environment = _environment(attempt.assignment, folder)
        try:
            with CommandProcess(
                arguments, environment, folder / STDOUT, folder / STDERR, alone=not attempt.assignment.in_driver
            ) as process:
                status = process.read(reader.read)
        except NotStarted as error:
            raise CommandFailed(f"{arguments[0]} cannot be started: {error}", "exception") from None
        attempt.peak_memory_gb = process.peak_memory_gb
        if status != 0:
            how, cause = _described(arguments[0], status, killed=_kernel_kills() > killed_before)
            said = tail(folder / STDERR, 1)
            raise CommandFailed(f"{how}: {said}" if said else how, cause)

    def _check_places(self) -> None:
        used = {name for part in self._parts for name in places(part.text)}
        for _, config in self._configs.values():
            used |= config.places() | config.priors().keys()
        unused = [name for name in self.space if name not in used]
        if unused:
            raise ObjectiveError(
                f"parameter {unused[0]!r} is nowhere in the command: write {{{unused[0]}}} where its value belongs"
            )


def _joined(*spaces: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for space in spaces:
        for name, prior in space.items():
            if name in found:
                raise ObjectiveError(f"parameter {name!r} has two priors")
            found[name] = prior
    return found


def _check_executable(name: str) -> None:
    if shutil.which(name) is not None:
        return
    if os.path.exists(name):
        raise ObjectiveError(f"{name} is no program that can be run: is it executable, and no folder?")
    hint = "" if os.sep in name else f"; to run a file of the current folder, write .{os.sep}{name}"
    raise ObjectiveError(f"there is no command {name!r}{hint}")


def _own_folder(folder: Path, place: int) -> Path:
    """Return a folder for one configuration file: two of them may have the same name."""
    own = folder / "config" / str(place)
    own.mkdir(parents=True, exist_ok=True)
    return own


def _facts(assignment: Assignment) -> dict[str, Any]:
    values = (assignment.number, assignment.attempt, assignment.seed, assignment.folder, assignment.experiment)
    return dict(zip(_FACTS, values, strict=True))


def _environment(assignment: Assignment, folder: Path) -> dict[str, str]:
    return {
        "PYTHONUNBUFFERED": "1",  # what a Python script prints is to be read as it is printed
        **os.environ,
        _RESULTS: str(folder / "results.json"),
        "ORION_EXPERIMENT_NAME": assignment.experiment,
        "ORION_TRIAL_NUMBER": str(assignment.number),
        "ORION_TRIAL_ATTEMPT": str(assignment.attempt),
        "ORION_TRIAL_SEED": str(assignment.seed),
        "ORION_TRIAL_FOLDER": str(folder),
    }


def _described(name: str, status: int, *, killed: bool) -> tuple[str, str]:
    """Return how a command ended, in words, and the class of failure."""
    if status > 0:
        return f"{name} exited with code {status}", "exception"
    try:
        signal_name = signal.Signals(-status).name
    except ValueError:
        signal_name = f"signal {-status}"
    if -status == signal.SIGKILL:
        why = ": the kernel has just killed for want of memory" if killed else ""
        return f"{name} was killed by {signal_name}{why}", "memory" if killed else "lost"
    return f"{name} was ended by {signal_name}", "preempted" if -status == signal.SIGTERM else "exception"


def _kernel_kills() -> int:
    """Return how many processes the kernel has killed for want of memory since it started, where it tells."""
    with suppress(OSError), open("/proc/vmstat") as counters:
        for line in counters:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
