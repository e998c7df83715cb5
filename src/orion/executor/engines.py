"""Which engines there are, whether they are installed here, and what each can honour."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from orion.executor._core.guarantees import GUARANTEES
from orion.executor._core.registry import executor_factory
from orion.executor.errors import EngineNotInstalled

__all__ = ["Engine", "engines"]

_PYTHON = "Python"


@dataclass(frozen=True)
class _Needs:
    """The library that an engine stands on: its module, its distribution, and the extra of ours that installs it."""

    module: str
    distribution: str
    extra: str


_NEEDS = {
    "dask": _Needs("distributed", "distributed", "dask"),
    "ray": _Needs("ray", "ray", "ray"),
    "slurm": _Needs("submitit", "submitit", "slurm"),
    "joblib": _Needs("loky", "loky", "futures"),
}
_SAME_AS_ANOTHER = ("singleexecutor", "poolexecutor")  # Oríon's names of single and process


@dataclass(frozen=True)
class Engine:
    """One engine as it stands here.

    Parameters
    ----------
    name
        By which ``create_executor`` knows it.
    library
        What it stands on.
    version
        The library's version; empty if it is not installed.
    install
        The command that installs the library; empty if it is installed.
    limitations
        The guarantees that it cannot keep, each with the reason; ``None`` if that is not known without the library.
        What depends on the cluster, an executor's own attribute ``limitations`` says.
    """

    name: str
    library: str
    version: str
    install: str
    limitations: Mapping[str, str] | None

    @property
    def is_installed(self) -> bool:
        """Whether it can be used."""
        return not self.install

    @property
    def honoured(self) -> list[str]:
        """The guarantees that it keeps, in words."""
        limitations = self.limitations or {}
        return [promise for key, promise in GUARANTEES.items() if key not in limitations]

    @property
    def refused(self) -> dict[str, str]:
        """The guarantees that it cannot keep, in words, with the reasons."""
        return {GUARANTEES[key]: reason for key, reason in sorted((self.limitations or {}).items())}


def engines() -> list[Engine]:
    """Return every engine known here, whether its library is installed or not; none is started."""
    return [_engine(name) for name in executor_factory.names() if name not in _SAME_AS_ANOTHER]


def _engine(name: str) -> Engine:
    try:
        limitations: Mapping[str, str] | None = executor_factory.get_class(name).limitations
        problem = ""
    except EngineNotInstalled as error:
        limitations, problem = None, str(error)
    except ImportError as error:
        limitations, problem = None, f"it cannot be imported: {error}"
    needs = _NEEDS.get(name)
    if needs is None:
        return Engine(name, _PYTHON, "" if problem else _python_version(), problem, limitations)
    if not problem and find_spec(needs.module) is None:
        problem = f"pip install 'orion-executor[{needs.extra}]'"
    return Engine(name, needs.distribution, "" if problem else _version_of(needs.distribution), problem, limitations)


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # put on the path by hand
        return "unknown"
