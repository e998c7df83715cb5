"""A MariaDB server of one's own on loopback, for tests and for trying things: ``python -m tests.services.mysql``.

It prints the URL of an empty database and runs until Ctrl-C; then nothing of it is left.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql

from tests.services.debian import Software, find

__all__ = ["SOFTWARE", "running"]

SOFTWARE = Software("MariaDB", ("mariadbd", "mariadb-install-db"), ("mariadb-server",))
_START_TIMEOUT_S = 60.0


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run a server in a temporary folder, and yield its URL; nothing of it is left afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    password = secrets.token_urlsafe(16)
    user = "mysql" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="orion-mysql-") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        common = ["--no-defaults", f"--datadir={folder}/data"]
        subprocess.run(
            [_found("mariadb-install-db"), *common, "--auth-root-authentication-method=socket", "--skip-test-db"],
            check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        start = folder / "start.sql"
        start.write_text(  # a statement a line
            f"CREATE DATABASE trials;\nCREATE USER orion@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON trials.* TO orion@'127.0.0.1';\n"
        )
        server = subprocess.Popen(
            [
                _found("mariadbd"), *common, f"--socket={folder}/s", "--bind-address=127.0.0.1", f"--port={port}",
                f"--pid-file={folder}/pid", "--skip-name-resolve", "--innodb-buffer-pool-size=64M",
                f"--init-file={start}",
            ],
            user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait_for(port, password, server)
            yield f"mysql://orion:{password}@127.0.0.1:{port}/trials"
        finally:
            server.terminate()
            server.wait()


def _found(program: str) -> str:
    path = find(program)
    if path is None:
        raise RuntimeError(SOFTWARE.advice())
    return path


def _wait_for(port: int, password: str, server: subprocess.Popen[bytes]) -> None:
    """Return when the user can connect, who is made after the server has begun to listen."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="orion", password=password, database="trials").close()
        except pymysql.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the MariaDB server does not start") from None
            time.sleep(0.05)
        else:
            return


def main() -> None:
    with running() as url, contextlib.suppress(KeyboardInterrupt):
        print(url, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
