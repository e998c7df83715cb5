"""A PostgreSQL server of one's own on loopback, for tests and for trying things: ``python -m tests.services.postgres``.

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

from tests.services.debian import Software, find

__all__ = ["SOFTWARE", "Postgres", "running"]

_FOLDERS = "/usr/lib/postgresql/*/bin"  # where Debian puts them
SOFTWARE = Software("PostgreSQL", ("initdb", "postgres", "pg_isready"), ("postgresql",), (_FOLDERS,))
_START_TIMEOUT_S = 60.0
_USER = "orion"


class Postgres:
    """A server whose data are in a folder of its own; :func:`running` makes one."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        self.password = secrets.token_urlsafe(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://{_USER}:{self.password}@127.0.0.1:{self._port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._initialise()

    def start(self) -> None:
        """Start the server, and return when it can be used."""
        self._process = subprocess.Popen(
            [
                self._programs / "postgres", "-D", self._folder / "data", "-p", str(self._port),
                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}",
                "-c", "fsync=off", "-c", "dynamic_shared_memory_type=mmap",
            ],
            user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        ready = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        deadline = time.monotonic() + _START_TIMEOUT_S
        while subprocess.run(ready, check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the PostgreSQL server does not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the server and all that belongs to it at once, as a crash of the machine would."""
        assert self._process is not None
        for pid in [self._process.pid, *self._children()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """End the server, and its connections."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()

    def _children(self) -> list[int]:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []

    def _initialise(self) -> None:
        file = self._folder / "password"
        file.write_text(self.password)
        if self._user is not None:
            shutil.chown(file, self._user)
        command = [
            self._programs / "initdb", "-D", self._folder / "data", "-U", _USER, f"--pwfile={file}",
            "--auth=scram-sha-256", "--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        subprocess.run(command, check=True, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """Run a server in a temporary folder; nothing of it is left afterwards."""
    initdb = find("initdb", _FOLDERS)
    if initdb is None:
        raise RuntimeError(SOFTWARE.advice())
    with tempfile.TemporaryDirectory(prefix="orion-postgres-") as folder:
        server = Postgres(Path(folder), Path(initdb).resolve().parent)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def main() -> None:
    with running() as server, contextlib.suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
