"""The errors of :mod:`orion.executor`: one family, rooted in :class:`ExecutorError`.

A cancelled task's outcome is the standard library's
:class:`concurrent.futures.CancelledError`, which every caller already knows.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import pickle
import signal as _signal

__all__ = [
    "EngineLost",
    "EngineNotInstalled",
    "ExecutorClosed",
    "ExecutorError",
    "NotSerializable",
    "OptionNotSupported",
    "OutOfMemory",
    "Preempted",
    "RemoteException",
    "RemoteTraceback",
    "ResultTimeout",
    "TaskReport",
    "TaskStopped",
    "TaskTimeout",
    "UnknownExecutor",
    "WorkerLost",
    "WorkersUnfit",
]


class ExecutorError(Exception):
    """Root of every error that this package raises on its own account."""


class ExecutorClosed(ExecutorError, RuntimeError):
    """Raised when work is submitted to a closed executor.

    It is a ``RuntimeError``, as the standard library's executors raise.
    """


class ResultTimeout(ExecutorError, multiprocessing.TimeoutError, TimeoutError):
    """Raised when a result did not arrive within the ``timeout`` of ``Future.get``.

    The task goes on: only the wait ended. It is both ``multiprocessing.TimeoutError``
    and the builtin ``TimeoutError``, so either ``except`` catches it.
    """


@dataclasses.dataclass(frozen=True)
class TaskReport:
    """What is known of a task that did not end by itself.

    Parameters
    ----------
    pid
        The worker's process id.
    run_time
        How long the task had run, in seconds.
    peak_memory_gb
        The most memory that its worker had resident, in its whole life, in GB (10⁹ bytes).
    last_output
        The last lines that it printed.
    crash
        The Python traceback at the moment of a crash, if there was one (see ``faulthandler``).
    """

    pid: int | None = None
    run_time: float | None = None
    peak_memory_gb: float | None = None
    last_output: str = ""
    crash: str = ""

    def __str__(self) -> str:
        facts = []
        if self.pid is not None:
            facts.append(f"process {self.pid}")
        if self.run_time is not None:
            facts.append(f"run time {self.run_time:.2f} s")
        if self.peak_memory_gb:
            facts.append(f"peak memory {self.peak_memory_gb:.2f} GB")
        text = f" ({', '.join(facts)})" if facts else ""
        for title, lines in (("It crashed here:", self.crash), ("The last it printed:", self.last_output)):
            if lines.strip():
                text += f"\n{title}\n" + "\n".join(f"    {line}" for line in lines.strip().splitlines())
        return text


class TaskStopped(ExecutorError):
    """Root of what is raised for tasks that did not end by themselves.

    Parameters
    ----------
    message
        What happened, to which task, and what to try.
    report
        What else is known of the task.
    """

    def __init__(self, message: str, *, report: TaskReport | None = None) -> None:
        super().__init__(message)
        self.report = report or TaskReport()

    def __str__(self) -> str:
        return f"{self.args[0]}{self.report}"


class TaskTimeout(TaskStopped):
    """Raised when a task ran longer than ``options(timeout=…)`` allowed and was stopped.

    It is deliberately no ``TimeoutError``: a loop that catches the latter to go on
    waiting for a result would wait for ever for a task that no longer exists.
    """

    @classmethod
    def after(cls, task: str, limit: float | None, *, report: TaskReport | None = None) -> TaskTimeout:
        """Describe that ``task`` was stopped after ``limit`` seconds."""
        return cls(
            f"{task} ran longer than its time limit of {limit} s and was stopped, "
            "with every process that it had started. A larger options(timeout=…) gives it more",
            report=report,
        )


class WorkerLost(TaskStopped):
    """Raised when the worker that ran a task died before the task had ended.

    Parameters
    ----------
    message
        What happened, to which task, and what to try.
    exitcode
        The worker's exit status, if it exited and the engine knows it.
    signal
        The number of the signal that ended the worker, if one did and the engine knows it.
    report
        What else is known of the task.
    """

    def __init__(
        self,
        message: str,
        *,
        exitcode: int | None = None,
        signal: int | None = None,
        report: TaskReport | None = None,
    ) -> None:
        super().__init__(message, report=report)
        self.exitcode = exitcode
        self.signal = signal

    @classmethod
    def died(
        cls,
        task: str,
        *,
        exitcode: int | None = None,
        signal: int | None = None,
        report: TaskReport | None = None,
    ) -> WorkerLost:
        """Describe the death of the worker that ran ``task``, with its likely causes."""
        if signal is not None:
            how = f"was killed by {_signal_name(signal)}"
        elif exitcode is not None:
            how = f"exited with code {exitcode}"
        else:
            how = "vanished"
        return cls(
            f"the worker running {task} {how} before the task had ended. {_likely_cause(exitcode, signal)} "
            "Only this task failed; options(retries=1) would run it again",
            exitcode=exitcode,
            signal=signal,
            report=report,
        )


class OutOfMemory(WorkerLost):
    """Raised when a task was stopped at its memory limit, or killed by the kernel as memory ran out."""

    @classmethod
    def beyond(cls, task: str, limit: float | None, *, report: TaskReport | None = None) -> OutOfMemory:
        """Describe that ``task`` was stopped when it used more than ``limit`` GB."""
        return cls(
            f"{task} used more than its memory limit of {limit} GB and was stopped, "
            "with every process that it had started. A larger options(memory_gb=…) gives it more",
            report=report,
        )


class Preempted(WorkerLost):
    """Raised when a cluster took a task's worker away for the sake of more important work."""


class WorkersUnfit(ExecutorError):
    """Raised when no worker can be made ready: its ``initializer`` or a ``preload`` module failed."""


class NotSerializable(ExecutorError, pickle.PicklingError):
    """Raised when a function, an argument or a result cannot travel between processes."""


class RemoteException(ExecutorError):
    """Stands in for a task's exception that could not travel.

    Parameters
    ----------
    type_name
        Qualified name of the exception's own type.
    message
        ``str()`` of the exception.
    remote_traceback
        The worker's traceback, as text.
    reason
        Why the exception itself could not travel.
    """

    def __init__(self, type_name: str, message: str, remote_traceback: str, reason: str) -> None:
        super().__init__(type_name, message, remote_traceback, reason)
        self.type_name = type_name
        self.message = message
        self.remote_traceback = remote_traceback
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message} (the exception itself could not travel: {self.reason})"


class RemoteTraceback(Exception):
    """Carries the worker's traceback as the cause of a task's exception, so that reports show it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n\nIn the worker:\n{self.text}"


class UnknownExecutor(ExecutorError, ValueError, NotImplementedError):
    """Raised when no engine has the name asked for; the message lists the known ones."""


class EngineNotInstalled(ExecutorError, ImportError):
    """Raised when an engine's library is missing; the message names the install command."""

    @classmethod
    def of(cls, engine: str, library: str, extra: str | None = None) -> EngineNotInstalled:
        """Say which library an engine needs, and how it is installed; the extra is mostly called like the engine."""
        command = f"pip install 'orion-executor[{extra or engine}]'"
        return cls(f"engine {engine!r} needs {library}, which is not installed: {command}")


class EngineLost(ExecutorError):
    """Raised when the scheduler or the cluster that an engine runs tasks on cannot be reached, or not any more."""


class OptionNotSupported(ExecutorError, ValueError):
    """Raised when an option is asked of an engine that cannot honour it."""


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({_signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


_CAUSES = {
    "SIGKILL": "Likely causes: the kernel's out-of-memory killer, a container's memory limit, or kill -9.",
    "SIGTERM": "Likely cause: something asked the process to end (a scheduler, a container, kill).",
    "SIGSEGV": "Likely cause: a bug in a compiled extension, or a stack overflow by deep recursion.",
    "SIGABRT": "Likely cause: a failed assertion or memory corruption in a compiled extension.",
    "SIGBUS": "Likely cause: a mapped file was truncated, or shared memory ran out (/dev/shm).",
    "SIGILL": "Likely cause: a compiled extension built for another processor.",
    "SIGFPE": "Likely cause: an arithmetic fault in a compiled extension.",
}


def _likely_cause(exitcode: int | None, signal: int | None) -> str:
    if signal is not None:
        try:
            return _CAUSES[_signal.Signals(signal).name]
        except (ValueError, KeyError):
            return "Likely cause: the signal was sent to the process on purpose."
    if exitcode is not None:
        return "Likely cause: the task, or a library that it uses, called os._exit."
    return "Likely causes: its host was lost, or the process that watches over it was killed."
