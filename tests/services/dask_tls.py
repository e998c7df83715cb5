"""A Dask scheduler and workers with TLS, on loopback: start FOLDER [N_WORKERS], stop FOLDER.

FOLDER must not exist yet. Afterwards it holds ``address``, and the certificates ``ca.pem``, ``cert.pem``, ``key.pem``
that whoever connects needs, besides the logs. Each worker has one thread, two GPUs that need not be there, and a nanny
that replaces it when it dies. ::

    python -m tests.services.dask_tls start /tmp/dask 3
    python -c "
    from distributed.security import Security
    from orion.executor.dask_backend import Dask
    files = {f'tls_{part}': f'/tmp/dask/{file}.pem' for part, file in
             [('ca_file', 'ca'), ('client_cert', 'cert'), ('client_key', 'key')]}
    with Dask(address=open('/tmp/dask/address').read(), security=Security(**files)) as executor:
        print(executor.n_workers, executor.submit(pow, 2, 10).get())"
    python -m tests.services.dask_tls stop /tmp/dask
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.services.debian import Software

SOFTWARE = Software("OpenSSL", ("openssl",), ("openssl",))
PATIENCE = 60.0


def main() -> None:
    command, folder, *rest = sys.argv[1:]
    if command == "start":
        start(Path(folder), int(rest[0]) if rest else 3)
    elif command == "stop":
        stop(Path(folder))
    else:
        sys.exit(__doc__)


def start(folder: Path, n_workers: int) -> None:
    """Start all of it; return when the workers are there."""
    folder.mkdir(mode=0o700)
    make_certificates(folder)
    tls = ["--tls-ca-file", f"{folder}/ca.pem", "--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem"]
    common = ["--protocol", "tls", *tls, "--host", "127.0.0.1", "--no-dashboard"]
    try:
        file = folder / "scheduler.json"
        spawn(folder, "scheduler", ["scheduler", *common, "--port", "0", "--scheduler-file", str(file)])
        address = json.loads(wait_for(file))["address"]
        for number in range(n_workers):
            options = ["--nthreads", "1", "--name", f"w{number}", "--resources", "CPU=1 GPU=2", "--death-timeout", "30"]
            local = ["--local-directory", str(folder)]
            spawn(folder, f"worker{number}", ["worker", address, *common, *options, *local])
        wait_for_workers(folder, address, n_workers)
        (folder / "address").write_text(address)
    except BaseException:
        stop(folder, keep=True)
        raise


def stop(folder: Path, *, keep: bool = False) -> None:
    """Stop all of it, workers first, and remove the folder."""
    pids = [int(file.read_text()) for file in sorted(folder.glob("*.pid"), reverse=True)]
    for pid in pids:
        try:
            os.killpg(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + 10
    for pid in pids:
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if is_alive(pid):
            os.killpg(pid, signal.SIGKILL)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


def make_certificates(folder: Path) -> None:
    """Make a certificate authority, and one certificate for all who take part."""
    authority = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout {folder}/ca.key -out {folder}/ca.pem"
    )
    request = f"openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout {folder}/key.pem -out {folder}/cert.csr"
    sign = (
        f"openssl x509 -req -days 2 -in {folder}/cert.csr -CA {folder}/ca.pem -CAkey {folder}/ca.key "
        f"-CAcreateserial -out {folder}/cert.pem"
    )
    for command in (authority, request, sign):
        subprocess.run(command.split(), check=True, capture_output=True)


def spawn(folder: Path, name: str, arguments: list[str]) -> None:
    """Start a part in a session of its own; its process id is kept in a file."""
    with (folder / f"{name}.log").open("w") as log:
        command = [sys.executable, "-m", "dask", *arguments]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    (folder / f"{name}.pid").write_text(str(process.pid))


def wait_for(file: Path) -> str:
    """Return the content of a file as soon as it has some."""
    deadline = time.monotonic() + PATIENCE
    while not (file.exists() and file.read_text()):
        if time.monotonic() > deadline:
            sys.exit(f"nobody wrote {file} within {PATIENCE} s; the logs are beside it")
        time.sleep(0.05)
    return file.read_text()


def wait_for_workers(folder: Path, address: str, n_workers: int) -> None:
    from distributed import Client
    from distributed.security import Security

    security = Security(
        tls_ca_file=f"{folder}/ca.pem", tls_client_cert=f"{folder}/cert.pem", tls_client_key=f"{folder}/key.pem"
    )
    with Client(address, security=security, timeout=PATIENCE) as client:
        client.wait_for_workers(n_workers, timeout=PATIENCE)


def is_alive(pid: int) -> bool:
    """Return whether a process, or one that it has started and that has not left its group, is there."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
