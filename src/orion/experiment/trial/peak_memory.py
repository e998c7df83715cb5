"""How much memory a trial had, where the system tells it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["PeakMemory"]

_RESET_PEAK = "5"  # see clear_refs in proc(5)


class PeakMemory:
    """The most memory that this process has resident from now on.

    Parameters
    ----------
    alone
        Whether the process runs nothing but this trial; else it cannot be told whose memory it is.
    """

    def __init__(self, *, alone: bool) -> None:
        self._known = False
        if alone:
            with suppress(OSError):
                Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
                self._known = True

    def read_gb(self) -> float | None:
        """Return the peak in GB (10⁹ bytes); ``None`` where it cannot be told."""
        if not self._known:
            return None
        with suppress(OSError), open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e9
        return None
