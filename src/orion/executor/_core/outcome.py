"""How a task ended, as a future holds it."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Failure", "Outcome", "Value", "described"]


class Outcome(Protocol):
    """How a task ended; perhaps not loaded yet."""

    ok: bool
    """Whether it is a value."""

    def resolve(self) -> Value | Failure:
        """Return the value or the failure; raises nothing but the user's ``KeyboardInterrupt``."""
        ...

    def cause(self) -> str:
        """Return the type of what was raised, by name."""
        ...


class Value:
    """The task returned."""

    __slots__ = ("value",)
    ok = True

    def __init__(self, value: Any) -> None:
        self.value = value

    def cause(self) -> str:
        return ""

    def resolve(self) -> Value:
        return self


class Failure:
    """The task raised, or was stopped, or was lost.

    Parameters
    ----------
    exception
        What ``Future.get`` raises.
    traceback
        The traceback where it was raised, as text; made from ``exception`` if not given.
    """

    __slots__ = ("_traceback", "exception")
    ok = False

    def __init__(self, exception: BaseException, traceback: str | None = None) -> None:
        self.exception = exception
        self._traceback = traceback

    def resolve(self) -> Failure:
        return self

    def cause(self) -> str:
        return type(self.exception).__name__

    @property
    def traceback(self) -> str:
        if self._traceback is None:
            self._traceback = _format(self.exception)
        return self._traceback


def _format(error: BaseException) -> str:
    import traceback

    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except BaseException:  # the exception's own __str__ may do anything
        return "".join(traceback.format_tb(error.__traceback__)) + described(error)


def described(error: BaseException, *, text_only: bool = False) -> str:
    """Return ``Type: message`` (or the message only), whatever the exception's own ``__str__`` does."""
    try:
        text = str(error)
    except BaseException as problem:
        text = f"<its __str__ raised {type(problem).__name__}>"
    if text_only:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
