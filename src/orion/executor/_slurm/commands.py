"""Slurm's commands: each is run without a shell, for a bounded time, and says in words what went wrong."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from orion.executor._slurm.states import JobState
from orion.executor.errors import EngineLost, ExecutorError

__all__ = ["Refused", "cancel", "check", "controller", "cpus_of", "is_up", "states_of", "submit", "tell_missing"]

_SECONDS = 60.0
_PING_SECONDS = 15.0
_FIELDS = ("ArrayJobID", "ArrayTaskID", "State", "exit_code", "Reason", "NodeList")
_WIDTH = 200
# What the user sets to reach a cluster, rather than what describes the job in which this process may itself be running.
_INHERITED = ("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT")
_MISLEADING = ("SLURM_", "SLURMD_", "SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_", "SBATCH_ARRAY", "SBATCH_WAIT")
_IDS_AT_ONCE = 1000


class Refused(ExecutorError):
    """Raised when Slurm does what it is asked to for good reason not; the message is Slurm's own."""


def tell_missing() -> None:
    """Raise ``EngineLost`` if this machine cannot speak to a Slurm cluster."""
    for program in ("sbatch", "squeue", "scancel", "srun"):
        if shutil.which(program) is None:
            raise EngineLost(
                f"there is no {program} on this machine's PATH: run this on a host that submits jobs to Slurm, "
                "or load the module that provides it"
            )


def check(directives: Sequence[str]) -> None:
    """Have Slurm look at what jobs will ask for, without submitting one.

    Raises
    ------
    Refused
        If it would not accept such a job.
    EngineLost
        If the controller cannot be reached.
    """
    _run("sbatch", "--test-only", *directives, "--wrap=true")


def submit(script: Path, directives: Sequence[str]) -> str:
    """Submit a script under directives; return the number of the job.

    Raises
    ------
    Refused, EngineLost
        As :func:`check`.
    """
    return _run("sbatch", "--parsable", *directives, str(script)).partition(";")[0].strip()  # "number;cluster"


def cancel(jobs: Iterable[str]) -> None:
    """Cancel jobs; those that have ended do not matter."""
    names = list(jobs)
    for start in range(0, len(names), _IDS_AT_ONCE):
        _run("scancel", "--quiet", *names[start : start + _IDS_AT_ONCE])


def states_of(jobs: set[str]) -> dict[str, JobState]:
    """Return the states of jobs in one look-up, or two if the controller has forgotten some that have ended long ago.

    Those that nobody knows any more are missing from what is returned.
    """
    output = _run("squeue", "--me", "--array", "--noheader", "--states=all", "--Format", _format())
    found = {name: state for name, state in _squeue_lines(output) if name in jobs}
    forgotten = jobs - found.keys()
    if forgotten:
        found |= _from_accounting(forgotten)
    return found


def cpus_of(partition: str | None) -> int:
    """Return how many CPUs a partition has; of the default one if none is named."""
    output = _run(
        "sinfo", "--noheader", "--format", "%P|%C", *([] if partition is None else [f"--partition={partition}"])
    )
    rows = [line.split("|") for line in output.splitlines() if "|" in line]
    chosen = [cpus for name, cpus in rows if partition is not None or name.endswith("*")] or [row[1] for row in rows]
    total = sum(int(cpus.split("/")[3]) for cpus in chosen)  # allocated/idle/other/total
    return max(1, total)


def controller() -> str | None:
    """Return the name or address of the machine that the controller is on, if Slurm's configuration tells it."""
    for line in _run("scontrol", "show", "config").splitlines():
        name, _, value = line.partition("=")
        if name.strip().startswith("SlurmctldHost"):
            host, _, address = value.strip().partition("(")
            return address.rstrip(")") or host
    return None


def is_up() -> bool:
    """Return whether a controller answers."""
    try:
        return _call("scontrol", "ping", seconds=_PING_SECONDS).returncode == 0
    except (subprocess.TimeoutExpired, OSError):
        return False


def _run(*command: str) -> str:
    """Return what a command prints.

    Raises
    ------
    EngineLost
        If it failed, and no controller answers.
    Refused
        If it failed for another reason.
    """
    try:
        done = _call(*command, seconds=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise EngineLost(f"{command[0]} has not answered within {_SECONDS} s") from error
    except OSError as error:
        raise EngineLost(f"{command[0]} could not be run: {error}") from error
    if done.returncode == 0:
        return done.stdout
    said = " ".join(line.strip() for line in done.stderr.splitlines() if line.strip()) or f"exit code {done.returncode}"
    if not is_up():
        raise EngineLost(f"Slurm's controller does not answer ({said})")
    raise Refused(said)


def _call(*command: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=seconds,
        env=_environment(),
        encoding="utf-8",
        errors="replace",
    )


def _environment() -> dict[str, str]:
    """Return this process's environment without what would change what our commands mean."""
    return {name: value for name, value in os.environ.items() if name in _INHERITED or not name.startswith(_MISLEADING)}


def _format() -> str:
    return ",".join(f"{field}:{_WIDTH}" for field in _FIELDS)


def _squeue_lines(output: str) -> Iterator[tuple[str, JobState]]:
    for line in output.splitlines():
        columns = [line[start : start + _WIDTH].strip() for start in range(0, _WIDTH * len(_FIELDS), _WIDTH)]
        job, element, state, status, reason, nodes = columns
        if job.isdigit():
            name = job if element in ("N/A", "") else f"{job}_{element}"
            yield name, JobState(state, int(status) if status.isdigit() else None, reason, nodes)


def _from_accounting(jobs: set[str]) -> dict[str, JobState]:
    """Return the states of jobs that the controller has forgotten; none if the cluster keeps no accounts."""
    from submitit.slurm.slurm import SlurmInfoWatcher

    numbers = sorted({job.partition("_")[0] for job in jobs})
    try:
        output = _run("sacct", "--allocations", "--parsable2", f"--user={getpass.getuser()}",
                      f"--jobs={','.join(numbers)}", "--format=JobID,State,ExitCode,NodeList")  # fmt: skip
    except Refused:
        return {}
    found = {}
    for job, row in SlurmInfoWatcher().read_info(output).items():
        if job in jobs:
            code, _, number = row["ExitCode"].partition(":")
            status = int(number) or int(code) << 8
            found[job] = JobState(row["State"].split(" ")[0], status, "", row["NodeList"])
    return found
