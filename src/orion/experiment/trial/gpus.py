"""GPUs for trials: leases that hold between all drivers of a machine, without a daemon.

A GPU is a file with a hundred bytes, and a lease is a lock on as many of them as the share needs. To take one, the
driver locks them for itself alone; then it shares the lock, and the trial's own process locks them too. So the share is
taken while either lives, and the kernel gives it back when both are gone, however they end.
"""

from __future__ import annotations

import fcntl
import math
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from orion.experiment.errors import ArgumentError, ExperimentError

__all__ = ["GpuLeases", "Lease", "Share", "held", "visible_gpus"]

VISIBLE = "CUDA_VISIBLE_DEVICES"
_WHOLE = 100
_LOCK = struct.Struct("hhqqi4x")  # struct flock


@dataclass(frozen=True)
class Share:
    """A part of a GPU: its name, and the bytes that stand for the part."""

    device: str
    path: str
    start: int
    length: int
    until_exit: bool = False
    """Whether the trial has it until its process has ended, since that keeps memory of the GPU until then."""


class Lease:
    """What a trial has; the driver's side of it."""

    def __init__(self, shares: Sequence[Share], descriptors: Sequence[int]) -> None:
        self.shares = tuple(shares)
        self._descriptors = list(descriptors)

    def release(self) -> None:
        """Give it back, as far as this process is concerned."""
        while self._descriptors:
            os.close(self._descriptors.pop())


class GpuLeases:
    """The GPUs that trials may have.

    Parameters
    ----------
    devices
        Their names, as ``CUDA_VISIBLE_DEVICES`` takes them.
    per_trial
        How many a trial has: a whole number, or a fraction of one.
    folder
        Where the files are that stand for the machine's GPUs; the same for all drivers.
    keeps_first
        Whether all trials are to have the GPUs of the first, since they share a process that cannot change to others.
    until_exit
        Whether each trial uses them in a process of its own.

    Raises
    ------
    ArgumentError
        If that cannot be had.
    """

    def __init__(
        self,
        devices: Sequence[str],
        per_trial: float,
        folder: Path | None = None,
        *,
        keeps_first: bool = False,
        until_exit: bool = False,
    ) -> None:
        if isinstance(per_trial, bool) or not isinstance(per_trial, int | float) or not _is_share(per_trial):
            raise ArgumentError(f"a trial can have part of a GPU or a whole number of them, not {per_trial!r}")
        self._count = max(1, int(per_trial))
        self._length = _WHOLE if per_trial >= 1 else math.ceil(per_trial * _WHOLE)
        if not devices:
            raise ArgumentError("this machine shows no GPU; if it has some, name them: gpus=[0, 1], or --gpus 0,1")
        if len(set(devices)) < self._count:
            raise ArgumentError(f"a trial is to have {self._count} GPUs, and there are {len(set(devices))}")
        self._folder = folder or Path(tempfile.gettempdir()) / "orion-executor-gpus"
        self._leased = dict.fromkeys(map(str, devices), 0)
        self._keeps_first = keeps_first
        self._until_exit = until_exit
        with suppress(FileExistsError):
            self._folder.mkdir()
            self._folder.chmod(0o1777)  # for drivers of other users too

    @property
    def at_a_time(self) -> int:
        """How many trials can have theirs at a time, if nobody else has any."""
        return len(self._leased) * (_WHOLE // self._length) // self._count

    def take(self) -> Lease | None:
        """Take what a trial needs; ``None`` if it is not free now."""
        shares: list[Share] = []
        descriptors: list[int] = []
        for device in sorted(self._leased, key=lambda name: self._leased[name]):  # the least used first
            found = self._take_of(device)
            if found is not None:
                shares.append(found[0])
                descriptors.append(found[1])
            if len(shares) == self._count:
                if self._keeps_first:
                    self._leased = {share.device: 0 for share in shares}
                for share in shares:
                    self._leased[share.device] += 1
                return Lease(shares, descriptors)
        Lease(shares, descriptors).release()
        return None

    def release(self, lease: Lease) -> None:
        """Give back what :meth:`take` gave."""
        lease.release()
        for share in lease.shares:
            self._leased[share.device] -= 1

    def _take_of(self, device: str) -> tuple[Share, int] | None:
        path = self._folder / f"gpu-{quote(device, safe='')}"
        descriptor = _open(path)
        for start in range(_WHOLE - self._length + 1):
            if _lock(descriptor, fcntl.F_WRLCK, start, self._length):
                _lock(descriptor, fcntl.F_RDLCK, start, self._length)
                return Share(device, str(path), start, self._length, self._until_exit), descriptor
        os.close(descriptor)
        return None


@contextmanager
def held(shares: Sequence[Share]) -> Iterator[None]:
    """Hold a lease within a ``with`` block in the trial's process, which sees these GPUs only.

    What the trial has started has ended before the lease does.
    """
    if not shares:
        yield
        return
    before = os.environ.get(VISIBLE)
    descriptors = []
    try:
        for share in shares:
            descriptors.append(_open(Path(share.path)))
            if not _lock(descriptors[-1], fcntl.F_RDLCK, share.start, share.length):
                raise ExperimentError(f"GPU {share.device} was given to another driver, as this trial's has ended")
        os.environ[VISIBLE] = ",".join(share.device for share in shares)
        yield
    finally:
        _end_children()
        for share, descriptor in zip(shares, descriptors, strict=False):  # fewer, if one could not be had
            if not share.until_exit:
                os.close(descriptor)
        if before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = before


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process sees."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    with suppress(OSError):
        return [str(number) for number, _ in enumerate(os.listdir("/proc/driver/nvidia/gpus"))]
    return []


def _is_share(number: float) -> bool:
    return 0 < number <= 1 or (number > 1 and float(number).is_integer())


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)  # without O_CREAT, which some systems forbid for files of others in /tmp
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
        with suppress(PermissionError):
            os.fchmod(descriptor, 0o666)
        return descriptor


def _lock(descriptor: int, kind: int, start: int, length: int) -> bool:
    """Lock bytes, for the open file, not for the process; return whether that was possible at once."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, start, length, 0))
    except BlockingIOError:
        return False
    return True


def _end_children() -> None:
    import psutil

    children = psutil.Process().children(recursive=True)
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=5.0)
