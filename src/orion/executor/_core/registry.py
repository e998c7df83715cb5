"""Engines by name, loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from orion.executor.errors import EngineNotInstalled, UnknownExecutor

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from orion.executor._core.executor import BaseExecutor

__all__ = ["ExecutorFactory", "create_executor", "executor_factory"]

_BUILT_IN = {
    "single": "orion.executor.single_backend:SingleExecutor",
    "thread": "orion.executor.thread_backend:ThreadExecutor",
    "process": "orion.executor.process_backend:ProcessExecutor",
    "dask": "orion.executor.dask_backend:Dask",
    "ray": "orion.executor.ray_backend:Ray",
    "slurm": "orion.executor.slurm_backend:Slurm",
    "futures": "orion.executor.futures_backend:Futures",
    # The names of Oríon's executors
    "joblib": "orion.executor.joblib_backend:Joblib",
    "singleexecutor": "orion.executor.single_backend:SingleExecutor",
    "poolexecutor": "orion.executor.multiprocess_backend:PoolExecutor",
}

# The first is ours, the second is what Oríon's plugins use.
_GROUPS = ("orion.executor", "BaseExecutor")


class ExecutorFactory:
    """Makes executors by the name of their engine (not case-sensitive).

    Other distributions add engines through the entry-point groups ``orion.executor`` and ``BaseExecutor``.
    """

    def create(self, of_type: str, *args: Any, **config: Any) -> BaseExecutor:
        """Return a new executor.

        Parameters
        ----------
        of_type
            The engine's name: ``single``, ``thread``, ``process``, ``dask``, ``ray``, ``slurm``, ``futures``, or one
            added by another distribution.
        *args, **config
            The arguments of the engine's constructor, ``n_workers`` first.

        Raises
        ------
        UnknownExecutor
            If no engine has that name; the message lists the known ones.
        EngineNotInstalled
            If the engine's library is missing; the message says how to install it.
        TypeError
            For an unknown argument; the message lists the valid ones.
        """
        return self.get_class(of_type)(*args, **config)

    def get_class(self, of_type: str) -> type[BaseExecutor]:
        """Return the class of the engine with that name, importing it."""
        name = of_type.lower() if isinstance(of_type, str) else of_type
        if name in _BUILT_IN:
            return _checked(_built_in(name), name)
        for entry_point in _entry_points():
            if entry_point.name.lower() == name:
                try:
                    return _checked(entry_point.load(), name)
                except ModuleNotFoundError as error:
                    distribution = entry_point.dist.name if entry_point.dist else "the distribution that adds it"
                    raise EngineNotInstalled(
                        f"engine {name!r} of {distribution} needs the module {error.name!r}, which is not installed: "
                        f"pip install {error.name}"
                    ) from error
        raise UnknownExecutor(f"there is no engine {of_type!r}; the known ones are {', '.join(self.names())}")

    def get_classes(self) -> dict[str, type[BaseExecutor]]:
        """Return the class of every engine that can be imported, by name."""
        classes = {}
        for name in self.names():
            try:
                classes[name] = self.get_class(name)
            except ImportError:
                continue
        return classes

    def names(self) -> list[str]:
        """Return the names of all engines known here, whether their libraries are installed or not."""
        return [*_BUILT_IN, *sorted({entry_point.name.lower() for entry_point in _entry_points()} - set(_BUILT_IN))]


def _built_in(name: str) -> object:
    module, _, attribute = _BUILT_IN[name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise EngineNotInstalled(
            f"engine {name!r} is not in this version of orion-executor: install a newer one"
        ) from error


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # slow to import, and rarely needed

    return [entry_point for group in _GROUPS for entry_point in entry_points(group=group)]


def _checked(found: object, name: str) -> type[BaseExecutor]:
    from orion.executor._core.executor import BaseExecutor

    if not (isinstance(found, type) and issubclass(found, BaseExecutor)):
        raise TypeError(f"engine {name!r} is {found!r}, which is no subclass of orion.executor.base.BaseExecutor")
    return found


executor_factory = ExecutorFactory()
create_executor = executor_factory.create
