"""The errors of :mod:`orion.experiment`: one family, rooted in :class:`ExperimentError`.

Their messages are written for the person who started the experiment; the command line prints them as they are.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "CommandFailed",
    "DiskFull",
    "ExperimentError",
    "ExperimentInterrupted",
    "ExperimentMismatch",
    "InvalidResult",
    "ObjectiveError",
    "ResultUnreadable",
    "SpaceError",
    "StorageError",
    "TooManyFailures",
    "TrialPruned",
]


class ExperimentError(Exception):
    """Root of every error that this package raises on its own account."""


class ArgumentError(ExperimentError, ValueError):
    """Raised when an option of an experiment has a value that cannot be honoured, such as an unknown sampler."""


class ObjectiveError(ExperimentError, ValueError):
    """Raised when the objective cannot be loaded, is no function, or does not take the parameters of the space."""


class StorageError(ExperimentError):
    """Raised when the database cannot be opened, read or written."""


class DiskFull(StorageError):
    """Raised when there is no room to record something; the trial that it concerns is queued again."""


class ExperimentMismatch(ExperimentError):
    """Raised when an experiment of that name exists and was made with another space or direction."""


class InvalidResult(ExperimentError):
    """Raised, where the objective runs, when what it returned is no usable objective value."""


class ResultUnreadable(InvalidResult):
    """Raised, where a command runs, when what it left as its result cannot be read at all."""


class CommandFailed(ExperimentError):
    """Raised, where a command runs, when it ended with an error.

    Parameters
    ----------
    message
        Which command, and how it ended.
    cause
        The class of failure.
    """

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message, cause)
        self.cause = cause

    def __str__(self) -> str:
        return str(self.args[0])


class TooManyFailures(ExperimentError):
    """Raised when as many trials have failed as ``max_broken`` allows; the message says why they did."""


class TrialPruned(BaseException):
    """Raised, where the objective runs, when the trial is to end before it is complete.

    It is no ``Exception``, so that ``except Exception`` in an objective does not keep it from ending.
    """


class SpaceError(ExperimentError, ValueError):
    """Raised when a parameter's prior cannot be understood or cannot be honoured.

    Parameters
    ----------
    reason
        What is wrong.
    text
        The prior as it was written.
    position
        Index, in ``text``, of the character to look at.
    """

    def __init__(self, reason: str, text: str = "", position: int = 0) -> None:
        super().__init__(reason, text, position)
        self.reason = reason
        self.text = text
        self.position = position

    def __str__(self) -> str:
        if not self.text:
            return self.reason
        shown = "".join(character if character.isprintable() else " " for character in self.text)
        return f"{self.reason}\n  {shown}\n  {' ' * self.position}^"


class ExperimentInterrupted(KeyboardInterrupt):
    """Raised by ``Experiment.run`` after Ctrl-C or SIGTERM, when everything has been stopped and recorded.

    It is a ``KeyboardInterrupt``, so that a script which does not expect it ends as it would on Ctrl-C.

    Parameters
    ----------
    done
        How many trials have finished, completed and failed ones together.
    max_trials
        How many were asked for.
    requeued
        How many were running, and are queued for the next run.
    """

    def __init__(self, done: int, max_trials: int, requeued: int) -> None:
        super().__init__(done, max_trials, requeued)
        self.done = done
        self.max_trials = max_trials
        self.requeued = requeued

    def __str__(self) -> str:
        return (
            f"interrupted: {self.done} of {self.max_trials} trials done, "
            f"{self.requeued} running ones were stopped and queued again"
        )
