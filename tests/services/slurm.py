"""A Slurm cluster of four nodes on this machine, with accounting, for tests and for trying things out.

    eval "$(python -m tests.services.slurm start FOLDER)"
    sbatch --wrap 'hostname'; squeue
    python -m tests.services.slurm stop FOLDER

Besides the default partition it has ``small``, whose jobs have 100 MB, ``spare``, and ``urgent``, whose jobs take the
place of those of ``spare``. ``start`` installs what is missing (Debian packages, which needs root), starts munged,
MariaDB, slurmdbd, slurmctld and three slurmd, all of them as the calling user, on free ports of the loopback interface,
and prints the environment to export. All their files are in FOLDER, which ``start`` makes and ``stop`` removes.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.services.debian import NotInstalled, Software, find, install
from tests.services.slurm_files import CONTROL_GROUPS, NODES, Ports, write_files

__all__ = ["SOFTWARE", "ServiceError", "environment", "start", "stop"]

SOFTWARE = Software(
    "Slurm",
    ("munged", "mariadbd", "mariadb", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sacctmgr"),
    ("slurm-wlm", "slurmdbd", "munge", "mariadb-server"),
)
PATIENCE = 60.0
"""Seconds that a daemon may take to start or to end."""


class ServiceError(Exception):
    """Raised when a daemon does not start or does not end."""


def start(folder: Path, cpus: int) -> None:
    """Start the cluster; its files are in ``folder``, which must not exist or be empty."""
    if folder.exists() and any(folder.iterdir()):
        raise ServiceError(f"{folder} is not empty: stop what runs there, or choose another folder")
    for name in ("", "pid", "log", "state", "munge", "sql", *(f"spool/n{node}" for node in range(1, NODES + 1))):
        (folder / name).mkdir(parents=True, exist_ok=True, mode=0o755)
    try:
        _start_all(folder, cpus)
    except BaseException:
        for log in sorted((folder / "log").iterdir()):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
        stop(folder)
        raise


def _start_all(folder: Path, cpus: int) -> None:
    ports = Ports(*_free_ports(3 + NODES))
    password = secrets.token_hex()
    write_files(folder, ports, password, cpus)
    os.environ.update(environment(folder))
    _start_munge(folder)
    _start_database(folder, ports.sql, password)
    _run("slurmdbd")
    _await("slurmdbd", lambda: _succeeds("sacctmgr", "-n", "show", "cluster"))
    _run("sacctmgr", "-i", "add", "cluster", "ci")
    _run("slurmctld")
    for node in range(1, NODES + 1):
        _run("slurmd", "-N", f"n{node}")
    _await("the nodes", lambda: _output("sinfo", "-h", "-t", "idle", "-o", "%D") == str(NODES))


def _start_munge(folder: Path) -> None:
    munge = folder / "munge"
    munge.chmod(0o755)
    (munge / "key").touch(0o600)
    (munge / "key").write_bytes(secrets.token_bytes(1024))
    paths = {"socket": munge / "socket", "key-file": munge / "key", "log-file": folder / "log/munged"}
    paths |= {"pid-file": folder / "pid/munged", "seed-file": munge / "seed"}
    _run("munged", "--force", *(f"--{name}={path}" for name, path in paths.items()))


def _start_database(folder: Path, port: int, password: str) -> None:
    data, user = folder / "sql", getpass.getuser()
    options = ["--no-defaults", f"--user={user}", f"--datadir={data}"]
    install = ["--auth-root-authentication-method=socket", f"--auth-root-socket-user={user}", "--skip-test-db"]
    _run("mariadb-install-db", *options, *install)
    daemon = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={data}/socket", "--skip-name-resolve"]
    daemon += [f"--pid-file={folder}/pid/mariadbd", f"--log-error={folder}/log/mariadbd"]
    daemon += ["--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=0"]
    _run("setsid", "--fork", _found("mariadbd"), *options, *daemon)  # it does not go to the background by itself
    client = ("mariadb", "--no-defaults", f"--socket={data}/socket", "-e")
    _await("mariadbd", lambda: _succeeds(*client, "select 1"))
    account = "slurm@'127.0.0.1'"
    _run(*client, f"create user {account} identified by '{password}'; grant all on slurm_acct.* to {account}")


def environment(folder: Path) -> dict[str, str]:
    """Return the variables with which Slurm's commands reach the cluster."""
    return {"SLURM_CONF": str(folder / "slurm.conf")}


def stop(folder: Path) -> None:
    """Stop the cluster, with every job, and remove its folder."""
    if not folder.exists():
        return
    if not (folder / "pid").is_dir():
        raise ServiceError(f"{folder} was not made by start")
    os.environ.update(environment(folder))
    if (folder / "pid/slurmctld").exists():
        _succeeds("scancel", "--signal=KILL", "--full", f"--user={getpass.getuser()}", timeout=5)
        _succeeds("scancel", f"--user={getpass.getuser()}", timeout=5)
    for name in (*(f"slurmd.n{node}" for node in range(1, NODES + 1)), "slurmctld", "slurmdbd", "mariadbd", "munged"):
        _end(folder / "pid" / name)
    for pid in _using(folder):  # what watches over jobs that did not end
        _kill(pid, signal.SIGKILL)
    _await("the last processes to end", lambda: not _using(folder))
    for node in range(1, NODES + 1):
        _remove_control_groups(f"slurm_n{node}")
    shutil.rmtree(folder)


def _remove_control_groups(node: str) -> None:
    """Remove those of a node that are empty, unless another cluster has a node of that name."""
    for group in sorted((CONTROL_GROUPS / "memory").glob(f"{node}/**/"), reverse=True):
        with contextlib.suppress(OSError):
            group.rmdir()


def _end(pid_file: Path) -> None:
    """End the daemon that wrote ``pid_file``."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return
    _kill(pid, signal.SIGTERM)
    try:
        _await(f"{pid_file.name} to end", lambda: not _alive(pid), patience=15)
    except ServiceError:
        _kill(pid, signal.SIGKILL)
        _await(f"{pid_file.name} to end", lambda: not _alive(pid))


def _using(folder: Path) -> list[int]:
    """Return the daemons and jobs, other than this process and its parents, whose command or environment names us."""
    mark, own = os.fsencode(folder / "slurm.conf"), {os.getpid(), os.getppid()}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_daemon = (process / "comm").read_text().strip() in ("slurmstepd", "slurmd", "slurmctld", "slurmdbd")
            if is_daemon and int(process.name) not in own and mark in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _await(what: str, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError(f"waited {patience} s in vain for {what}")
        time.sleep(0.05)


def _found(program: str) -> str:
    path = find(program)
    if path is None:
        raise ServiceError(f"there is no {program} here, though its package is installed")
    return path


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [_found(program), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ServiceError(f"{program} failed: {done.stdout.strip()[-1000:]}")


def _output(program: str, *arguments: str) -> str:
    done = subprocess.run([_found(program), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _succeeds(program: str, *arguments: str, timeout: float = PATIENCE) -> bool:
    try:
        done = subprocess.run([_found(program), *arguments], capture_output=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _resolvable() -> bool:
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except socket.gaierror:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cpus", type=int, default=4, help="CPUs that each node says it has (default: 4)")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    try:
        if arguments.action == "stop":
            stop(folder)
            return
        install(SOFTWARE)
        if not _resolvable():  # slurmctld wants to resolve this host's name
            script = 'hostname localhost && exec "$@"'
            command = [sys.executable, "-m", "tests.services.slurm", *sys.argv[1:]]
            os.execvp("unshare", ["unshare", "-u", "sh", "-c", script, "sh", *command])  # noqa: S606
        start(folder, arguments.cpus)
    except (NotInstalled, ServiceError) as error:
        sys.exit(f"slurm: {error}")
    for name, value in environment(folder).items():
        print(f"export {name}={value}")


if __name__ == "__main__":
    main()
