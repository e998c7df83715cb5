"""The process pool where Linux's own means are missing: on macOS, on Windows, in narrow sandboxes.

- ``pool``: the driver's side: gives each idle worker one call at a time. Its decisions are those of the
  other transport: ``_process.ledger``, ``ends``, ``limits``, ``adoption``.
- ``hearing``: what each message of a worker means.
- ``member``: a worker as the pool sees it.
- ``launch``: starts a worker, ends it with what it has started, waits for its end.
- ``line``: the driver's end of the socket to a worker.
- ``messages``: what travels on that socket, in both directions.
- ``worker``: runs calls, one after the other.

A worker is a fresh interpreter that inherits one end of a pair of sockets, so there is nothing that others could
connect to. It never imports ``__main__``. It ends, with its process group, when the other end is closed, however the
driver ends; the driver hears of a worker's end from a thread that waits for the process, since a forked
descendant may keep the socket open.

What it cannot do, compared with the transport for Linux (:func:`limitations` says it in the contract's terms):

- a worker takes as long to start as an interpreter, and arrays are copied;
- a process that a task started in a session of its own is not found, and survives;
- if the driver is killed, a worker that is itself suspended, or that runs a compiled function which does
  not release the GIL, ends only when that goes on;
- a lost task's report has no peak memory, no last output and no place of the crash;
- ``preload`` saves no memory: every worker imports the modules for itself.
"""

from __future__ import annotations

import os
import sys

from orion.executor._process.resources import RESOURCES
from orion.executor._process.setup import can_measure

__all__ = ["limitations"]


def limitations() -> dict[str, str]:
    """Return the guarantees that this transport cannot keep on this system, with the reasons."""
    found = {
        **RESOURCES,
        "child_processes": "this transport knows the processes of a task by their process group, which those that "
        "start a session of their own leave",
    }
    if not hasattr(os, "killpg"):
        found["child_processes"] = "this system forgets the processes of a worker when the worker ends"
        found["grace"] = "this system has no signal that asks a process to end"
    if sys.platform != "linux":
        found["output"] = found["logs"] = "this takes a kind of socket that Linux has"
        found["output_of_processes"] = found["output"]
    if not can_measure():
        found["memory_gb"] = "this system has no /proc that would tell how much memory processes use"
    return found
