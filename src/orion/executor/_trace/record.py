"""A run as the worker that ran it tells it."""

from __future__ import annotations

import struct

__all__ = ["RECORD"]

RECORD = struct.Struct("<QQQQII")
"""The task; when it began and ended, in nanoseconds of the monotonic clock; peak memory in bytes; attempt; process."""
