"""The connection of a process to Ray, which its executors share: it can have one."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pickle import PickleBuffer
from typing import Any

from orion.executor._core.outcome import described
from orion.executor._process.search_path import import_path
from orion.executor._ray.folder import Folder
from orion.executor._ray.line import Line
from orion.executor._ray.request import Request
from orion.executor._ray.watch import Watch, check_reachable
from orion.executor.errors import EngineLost, ExecutorError

__all__ = ["Cluster", "LocalRay", "join"]

_LOOPBACK = ("127.0.0.1:", "localhost:", "[::1]:")
# Else a worker of Ray that ends kills its children first, and with them the one that would see to their descendants.
_SPARE_CHILDREN = {"RAY_kill_child_processes_on_worker_exit": "0"}
_QUIET = {
    **_SPARE_CHILDREN,
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anyone
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else Ray warns that it will change how it hides GPUs; hosts do it
    # Ray would end this process when the control service has gone for a minute; the watch says so much sooner.
    "RAY_gcs_rpc_server_reconnect_timeout_s": str(10**8),
}
# As read by Ray when it is imported: its processes are reached at 127.0.0.1 only, also where there is a network.
_ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class LocalRay:
    """What a Ray is to have that is started here; ``None`` leaves it to Ray."""

    num_cpus: float | None = None
    num_gpus: float | None = None
    resources: Mapping[str, float] | None = None
    object_store_gb: float | None = None


class Cluster:
    """The connection, and what is asked of Ray through it."""

    def __init__(self, folder: Folder | None) -> None:
        import ray

        self._ray: Any = ray
        self._folder = folder  # of a Ray that was started here
        self.connected_here = False
        self.users = 0
        self.watchers: list[Callable[[ExecutorError], object]] = []
        """Who is told that the cluster has gone."""
        self._host_class: Any = None
        self._parking = threading.Lock()
        self._parked: list[tuple[Line, float]] = []  # until when it is surely there
        self._watch = Watch(ray.get_runtime_context().gcs_address, self._gone)

    def hire(self, request: Request, custom: Mapping[str, float], runtime_env: Mapping[str, Any] | None) -> Line:
        """Return the way to a host that holds what is asked for: one that is parked, or a new one at once."""
        path, folder = import_path(), None if "working_dir" in (runtime_env or {}) else _current_folder()
        kind = (request, repr((custom, runtime_env, path, folder)))
        with self._parking:
            now = time.monotonic()
            for line, until in self._parked:
                if until <= now:
                    self.kill(line)
            self._parked = [parked for parked in self._parked if parked[1] > now]
            for place, (line, _) in enumerate(self._parked):
                if line.kind == kind:
                    del self._parked[place]
                    return line
        self.clear_parking()  # they may hold what this one needs
        if self._host_class is None:
            from orion.executor._ray.host import Host

            self._host_class = self._ray.remote(max_restarts=0, max_task_retries=0, max_concurrency=4)(Host)
        options = request.actor_options(custom)
        if runtime_env or self._folder is None:
            env_vars = {**_SPARE_CHILDREN, **(runtime_env or {}).get("env_vars", {})}
            options["runtime_env"] = {**(runtime_env or {}), "env_vars": env_vars}
        actor = self._host_class.options(**options).remote(path, folder, request.cpus, request.gpus)
        return Line(actor, kind)

    def park(self, line: Line, seconds: float) -> None:
        """Keep a host that has nothing to do for the next executor; it ends by itself if there is none so soon."""
        with self._parking:
            self._parked.append((line, time.monotonic() + seconds / 2))

    def clear_parking(self) -> None:
        """End the hosts that nobody uses."""
        with self._parking:
            parked, self._parked = self._parked, []
        for line, _ in parked:
            self.kill(line)

    def kill(self, line: Line) -> None:
        """End a host at once, with all that it runs."""
        line.close()
        if self._ray.is_initialized():
            with contextlib.suppress(Exception):  # it has ended
                self._ray.kill(line.actor, no_restart=True)

    def keep(self, call: bytes, buffers: Any) -> Any:
        """Return a call as a future keeps it: with large buffers it is put into Ray's object store, once."""
        return self._ray.put([call, *map(PickleBuffer, buffers)]) if buffers else call

    def check(self, request: Request, custom: Mapping[str, float]) -> None:
        """Refuse what no node has; see :meth:`Request.check`."""
        request.check(self.nodes(), custom)

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of each node that is alive."""
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def driver_host(self) -> str | None:
        """Return this machine's address as the nodes reach it; ``None`` if the one node is this machine."""
        return None if self._folder is not None else str(self._ray.util.get_node_ip_address())

    def n_cpus(self) -> int:
        """Return how many CPUs the cluster has."""
        return max(1, int(sum(node.get("CPU", 0) for node in self.nodes())))

    def release(self) -> None:
        """Say that an executor needs the connection no more; the last one ends it, if it was made here."""
        global _current  # noqa: PLW0603 - see _current
        with _lock:
            self.users -= 1
            if self.users:
                return
            self._watch.end()
            self.clear_parking()
            if _current is self:
                _current = None
            if self.connected_here and self._ray.is_initialized():
                self._ray.shutdown()
            if self._folder is not None:
                self._folder.remove()

    def _gone(self, error: EngineLost) -> None:
        for watcher in list(self.watchers):
            watcher(error)


_ATTEMPTS_TO_START = 3

_current: Cluster | None = None  # Ray's own connection is one for the whole process
_lock = threading.Lock()


def join(address: str | None, wanted: LocalRay, n_workers: int, log_to_driver: bool) -> Cluster:
    """Return the connection, making it if there is none; :meth:`Cluster.release` gives it back.

    A Ray that is started here has CPUs for ``n_workers`` tasks, unless ``wanted`` says how many.

    Raises
    ------
    EngineLost
        If there is no cluster at ``address``, or it refuses the connection.
    ExecutorError
        If this process is connected to another one, or to one that was started with other resources.
    """
    global _current  # noqa: PLW0603 - see there
    with _lock:
        address = address or os.environ.get("RAY_ADDRESS") or "local"
        with _environment(_QUIET if not _is_loopback(address) else {**_QUIET, **_ON_LOOPBACK}):
            import ray

            if ray.is_initialized():
                _check_same(ray, address, wanted)
                cluster = _current or Cluster(None)
            else:
                cluster = _connect(ray, address, wanted, n_workers, log_to_driver)
        cluster.users += 1
        _current = cluster
        return cluster


def _connect(ray: Any, address: str, wanted: LocalRay, n_workers: int, log_to_driver: bool) -> Cluster:
    if address == "local":
        return _start(ray, wanted, n_workers, log_to_driver)
    if wanted != LocalRay():
        raise ExecutorError(
            "num_cpus, num_gpus, resources and object_store_gb are for a Ray that is started here, and not for the one "
            f"at {address}: leave them out"
        )
    if address != "auto":
        check_reachable(address)
    try:
        return _initialised(ray, None, address=address, log_to_driver=log_to_driver)
    except (ConnectionError, RuntimeError) as error:
        raise EngineLost(
            f"Ray does not connect to {address}: {error}. Is it running, of the same version, and is the token right "
            "(RAY_AUTH_TOKEN_PATH)?"
        ) from error


def _start(ray: Any, wanted: LocalRay, n_workers: int, log_to_driver: bool) -> Cluster:
    """Start a Ray here; on a busy machine its processes may miss each other, which another attempt mends."""
    for attempt in range(1, _ATTEMPTS_TO_START + 1):
        folder = Folder()
        arguments = {**_local_arguments(wanted, n_workers, folder.path), "log_to_driver": log_to_driver}
        try:
            return _initialised(ray, folder, address="local", **arguments)
        except (ValueError, TypeError):  # what was asked for
            folder.remove()
            raise
        except Exception as error:  # of no type of its own
            folder.remove()
            if attempt == _ATTEMPTS_TO_START:
                raise EngineLost(f"Ray does not start on this machine: {described(error)}") from error
    raise AssertionError("not reached")


def _initialised(ray: Any, folder: Folder | None, **arguments: Any) -> Cluster:
    try:
        with _own_signal_handler():
            ray.init(logging_level="error", **arguments)
        cluster = Cluster(folder)
    except BaseException:
        ray.shutdown()
        raise
    cluster.connected_here = True
    return cluster


def _local_arguments(wanted: LocalRay, n_workers: int, folder: str) -> dict[str, Any]:
    store = 0.2 if wanted.object_store_gb is None else wanted.object_store_gb
    return {
        "num_cpus": n_workers if wanted.num_cpus is None else wanted.num_cpus,
        "num_gpus": wanted.num_gpus,
        "resources": dict(wanted.resources) if wanted.resources else None,
        "object_store_memory": int(store * 1e9),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": folder,
    }


def _check_same(ray: Any, address: str, wanted: LocalRay) -> None:
    """Refuse to use a Ray that this process has already, if another one was asked for."""
    here = ray.get_runtime_context().gcs_address
    if address not in ("local", "auto") and address != here:
        raise ExecutorError(
            f"this process is connected to the Ray cluster at {here} already, and can have one only: close what uses "
            f"it (ray.shutdown()) before connecting to {address}"
        )
    total = ray.cluster_resources()
    asked = {"CPU": wanted.num_cpus, "GPU": wanted.num_gpus, **(wanted.resources or {})}
    missing = [name for name, amount in asked.items() if amount is not None and total.get(name, 0) < amount]
    if missing:
        raise ExecutorError(
            f"this process has a Ray already, whose {', '.join(missing)} are fewer than asked for: close what uses it "
            "first (ray.shutdown()), or ask for no more than it has"
        )


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it has been removed
        return None


def _is_loopback(address: str) -> bool:
    return address == "local" or address.startswith(_LOOPBACK)


@contextlib.contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that the user has not set, for a while."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _own_signal_handler() -> Iterator[None]:
    """Keep the program's own handler of SIGTERM, which ``ray.init`` would replace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
