"""Whether a KeyboardInterrupt is the user's, or one that code which was being run has raised by itself."""

from __future__ import annotations

import signal
import threading
from types import TracebackType

__all__ = ["is_by_user"]


def is_by_user(error: KeyboardInterrupt) -> bool:
    """Return whether a signal raised this in the calling thread; call it where the exception was caught."""
    if threading.current_thread() is not threading.main_thread():
        return False  # only the main thread runs handlers of signals
    handler = getattr(signal.getsignal(signal.SIGINT), "__code__", None)
    places = []
    traceback = error.__traceback__
    while traceback is not None:
        places.append(traceback)
        traceback = traceback.tb_next
    if handler is not None and any(place.tb_frame.f_code is handler for place in places):
        return True
    return not (places and _raises(places[-1]))


def _raises(place: TracebackType) -> bool:
    """Return whether a statement raised there; what a signal raises comes between any two instructions."""
    import opcode

    return place.tb_frame.f_code.co_code[place.tb_lasti] == opcode.opmap["RAISE_VARARGS"]
