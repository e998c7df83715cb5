"""A Ray cluster of several nodes on this machine, for tests and for trying things out.

    eval "$(python tests/services/ray_cluster.py start FOLDER --nodes 2 --cpus 2)"
    python -c 'from orion.executor import create_executor
    with create_executor("ray") as executor:
        print(executor.n_workers, executor.submit(pow, 2, 10).get())'
    python tests/services/ray_cluster.py kill FOLDER --node 1
    python tests/services/ray_cluster.py revive FOLDER --node 1
    python tests/services/ray_cluster.py stop FOLDER

``start`` prints the environment to export: the address of the cluster, and the token without which nobody is let in,
which is a new one, or that of ``RAY_AUTH_TOKEN_PATH``. The nodes know each other by loopback addresses and use free
ports; Ray's daemons themselves listen on every interface, which the token is for. The files are in FOLDER, which
``start`` makes and ``stop`` removes; a short path, since Ray puts sockets there. Node 0 is the head. ``kill`` ends a
node as a power cut does, ``revive`` starts it again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

PATIENCE = 120.0
"""Seconds that a node may take to start, or to end when it is killed."""

SECONDS_TO_END = 15.0
"""What a node is given to end by itself."""

ATTEMPTS = 3

_STARTED = "Ray runtime started"
# A node that does not answer is dead after two seconds rather than half a minute.
_QUICK_VERDICTS = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "500",
    "RAY_health_check_failure_threshold": "3",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", "stop", "kill", "revive"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=2, help="start: how many")
    parser.add_argument("--cpus", type=int, default=2, help="start, revive: CPUs that a node says it has")
    parser.add_argument("--node", type=int, default=1, help="kill, revive: which one, but not the head again")
    given = parser.parse_args()
    if given.action == "start":
        for name, value in start(given.folder, given.nodes, given.cpus).items():
            print(f"export {name}={shlex.quote(value)}")
    elif given.action == "kill":
        kill(given.folder, given.node)
    elif given.action == "revive":
        revive(given.folder, given.node, given.cpus)
    else:
        stop(given.folder)


def start(folder: Path, nodes: int = 2, cpus: int = 2) -> dict[str, str]:
    """Start all nodes; return the environment of whoever is to use the cluster, once it is ready."""
    folder.mkdir(mode=0o700)
    (folder / "token").touch(mode=0o600)
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    (folder / "token").write_text(Path(given).read_text() if given else secrets.token_hex(24))
    port = free_port()
    (folder / "port").write_text(str(port))
    environment = environment_of(folder)
    try:
        head = ["--head", "--port", str(port), "--include-dashboard", "false", "--temp-dir", str(folder / "ray")]
        start_node(folder, 0, head, cpus, environment)
        for number in range(1, nodes):
            revive(folder, number, cpus)
    except BaseException:
        stop(folder)
        raise
    return environment


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of whoever is to use a cluster."""
    return {
        "RAY_ADDRESS": f"{address_of(0)}:{(folder / 'port').read_text()}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def revive(folder: Path, number: int, cpus: int = 2) -> None:
    """Start a node, not the head; return when it has joined."""
    environment = environment_of(folder)
    start_node(folder, number, ["--address", environment["RAY_ADDRESS"]], cpus, environment)


def start_node(folder: Path, number: int, role: list[str], cpus: int, environment: dict[str, str]) -> None:
    """Start a node; return when it has joined. On a busy machine its processes may miss each other: try it again."""
    for attempt in range(ATTEMPTS, 0, -1):
        try:
            try_to_start_node(folder, number, role, cpus, environment)
        except RuntimeError:
            _end(_members(folder, number), signal.SIGKILL)
            if attempt == 1:
                raise
        else:
            return


def try_to_start_node(folder: Path, number: int, role: list[str], cpus: int, environment: dict[str, str]) -> None:
    """Start a node; return when it has joined."""
    ports = ["node-manager-port", "object-manager-port", "min-worker-port", "max-worker-port"]
    others = [
        "dashboard-agent-listen-port",
        "dashboard-agent-grpc-port",
        "metrics-export-port",
        "runtime-env-agent-port",
    ]
    options = [*role, "--block", "--node-ip-address", address_of(number), "--num-cpus", str(cpus)]
    options += ["--object-store-memory", str(100 * 2**20), "--resources", f'{{"node{number}": 1}}']
    for name in ports:
        options += [f"--{name}", "0"]
    for name in others:
        options += [f"--{name}", str(free_port())]
    log = folder / f"node{number}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment, **_QUICK_VERDICTS, "RAY_ADDRESS": ""},
            start_new_session=True,
        )
    (folder / f"node{number}.pid").write_text(str(process.pid))
    deadline = time.monotonic() + PATIENCE
    while _STARTED not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"node {number} of the Ray cluster did not start:\n{log.read_text()}")
        time.sleep(0.05)


def address_of(number: int) -> str:
    """Return a node's own loopback address; Ray would take 127.0.0.1 for the machine's address in a network."""
    return f"127.0.0.{2 + number}"


def kill(folder: Path, number: int) -> None:
    """End a node without giving it time for anything, as a power cut does."""
    _end(_members(folder, number), signal.SIGKILL)


def stop(folder: Path) -> None:
    """End all nodes, and remove every file of theirs; what has ended already does not matter."""
    processes = [process for file in folder.glob("node*.pid") for process in _members(folder, int(file.stem[4:]))]
    _end([process for process in processes if process.pid in _leaders(folder)], signal.SIGTERM)
    _, left = psutil.wait_procs(processes, timeout=SECONDS_TO_END)  # without its head a node waits for that
    _end(left, signal.SIGKILL)
    shutil.rmtree(folder)


def gcs_of(folder: Path) -> list[psutil.Process]:
    """Return the processes of the control service."""
    return [process for process in _members(folder, 0) if process.name() == "gcs_server"]


def free_port() -> int:
    """Return a port that nobody listens on, below those that the system gives out by itself."""
    while True:
        port = 21_000 + secrets.randbelow(9_000)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


def _leaders(folder: Path) -> set[int]:
    return {int(file.read_text()) for file in folder.glob("node*.pid")}


def _members(folder: Path, number: int) -> list[psutil.Process]:
    """Return the processes of a node that there are."""
    try:
        leader = psutil.Process(int((folder / f"node{number}.pid").read_text()))
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _end(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    if number == signal.SIGKILL:
        psutil.wait_procs(processes, timeout=PATIENCE)


if __name__ == "__main__":
    main()
