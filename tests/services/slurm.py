"""A Slurm cluster of three nodes on this machine, with accounting, for tests and for trying things out.

    eval "$(python tests/services/slurm.py start FOLDER)"
    sbatch --wrap 'hostname'; squeue
    python tests/services/slurm.py stop FOLDER

``start`` installs what is missing (Debian packages, which needs root), starts munged, MariaDB, slurmdbd, slurmctld
and three slurmd, all of them as the calling user, on free ports of the loopback interface, and prints the environment
to export. All their files are in FOLDER, which ``start`` makes and ``stop`` removes.
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

NODES = 3
PACKAGES = ("slurm-wlm", "slurmdbd", "munge", "mariadb-server")
DAEMONS = ("munged", "mariadbd", "mariadb", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sacctmgr")
PATIENCE = 60.0
"""Seconds that a daemon may take to start or to end."""

SLURM_CONF = """\
ClusterName=ci
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ctld}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/pid/slurmctld
SlurmdPidFile={folder}/pid/slurmd.%n
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd.%n
SlurmctldDebug=info
SlurmdDebug=error
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={folder}/munge/socket
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1,sched_min_interval=0
ReturnToService=2
EnforcePartLimits=ALL
SlurmctldTimeout=10
SlurmdTimeout=10
MessageTimeout=10
KillWait=2
MinJobAge=300
MaxArraySize=100001
MaxJobCount=100000
SlurmdParameters=config_overrides
DefMemPerCPU=100
NodeName=n[1-{nodes}] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{nodes_ports}] CPUs={cpus} RealMemory=200000 \
Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

GRES_CONF = "Name=gpu Count=2 File=/dev/null,/dev/zero\n"

SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser={user}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct
LogFile={folder}/log/slurmdbd
PidFile={folder}/pid/slurmdbd
CommunicationParameters=NoInAddrAny
"""


class ServiceError(Exception):
    """Raised when a daemon does not start or does not end."""


def install() -> None:
    """Install the packages whose programs are missing."""
    if all(map(_which, DAEMONS)):
        return
    if os.geteuid() != 0:
        raise ServiceError(f"these packages are missing, and only root can install them: {' '.join(PACKAGES)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        _run("apt-get", *command, env=environment)


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
    ctld, dbd, sql, *nodes = _free_ports(3 + NODES)
    password = secrets.token_hex()
    names = {"folder": folder, "user": getpass.getuser(), "ctld": ctld, "dbd": dbd, "sql": sql, "password": password}
    shape = {"nodes": NODES, "nodes_ports": ",".join(map(str, nodes)), "cpus": cpus}
    (folder / "slurm.conf").write_text(SLURM_CONF.format(**names, **shape))
    (folder / "gres.conf").write_text(GRES_CONF)
    (folder / "slurmdbd.conf").touch(0o600)
    (folder / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(**names))
    os.environ.update(environment(folder))
    _start_munge(folder)
    _start_database(folder, sql, password)
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
    shutil.rmtree(folder)


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


def _which(program: str) -> str | None:
    # Debian has daemons in folders that are not on an ordinary user's PATH.
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin")


def _found(program: str) -> str:
    path = _which(program)
    if path is None:
        raise ServiceError(f"there is no {program} here, though its package is installed")
    return path


def _run(program: str, *arguments: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [_found(program), *arguments], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
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
        install()
        if not _resolvable():  # slurmctld wants to resolve this host's name
            script = 'hostname localhost && exec "$@"'
            os.execvp("unshare", ["unshare", "-u", "sh", "-c", script, "sh", sys.executable, *sys.argv])  # noqa: S606
        start(folder, arguments.cpus)
    except ServiceError as error:
        sys.exit(f"slurm: {error}")
    for name, value in environment(folder).items():
        print(f"export {name}={value}")


if __name__ == "__main__":
    main()
