"""The services that engines are tested against, each started once for all who test at the same time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engines.ray_here import asking_for
from tests.engines.ray_nodes import environment_from, manage, short_folder
from tests.services import slurm

ROOT = Path(__file__).parents[2]

# An idle Dask process looks after itself fifty times a second, and many are kept here: that slows down the tests.
for setting, value in {
    "WORKER__PROFILE__ENABLED": "False",
    "ADMIN__TICK__INTERVAL": "2s",
    "ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
}.items():
    os.environ.setdefault(f"DASK_DISTRIBUTED__{setting}", value)


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cluster of four nodes; the one that ``SLURM_CONF`` names if that is set."""
    if "SLURM_CONF" in os.environ:
        yield
        return
    if not slurm.SOFTWARE.is_installed():
        pytest.skip(slurm.SOFTWARE.advice())
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent
    users, folder = common / "slurm-users", common / "slurm"
    with _locked(users) as count:
        if count == 0:
            command = [sys.executable, "-m", "tests.services.slurm", "start", folder, "--cpus", "16"]
            subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        users.write_text(str(count + 1))
    os.environ.update(slurm.environment(folder))
    yield
    for name in slurm.environment(folder):
        del os.environ[name]
    with _locked(users) as count:
        users.write_text(str(count - 1))
        if count == 1:
            slurm.stop(folder)


@pytest.fixture(scope="session")
def ray_token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that only this user can read: the token of all Rays, since a process goes by the first that it met."""
    token = tmp_path_factory.mktemp("ray") / "token"
    token.touch(mode=0o600)
    token.write_text(os.urandom(24).hex())
    return token


@pytest.fixture(scope="session")
def ray_nodes_of_session(ray_token: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A Ray cluster of two nodes; its folder, and the environment of whoever uses it."""
    with short_folder() as folder:
        try:
            yield folder, environment_from(manage("start", folder, **asking_for(ray_token)))
        finally:
            if folder.exists():
                manage("stop", folder)


@pytest.fixture
def ray_nodes(ray_nodes_of_session: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cluster of two nodes, to which this process connects, and those that it starts."""
    folder, environment = ray_nodes_of_session
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return folder


@contextmanager
def _locked(users: Path) -> Iterator[int]:
    """Keep the other test processes out; yield how many use the service."""
    with users.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield int(users.read_text()) if users.exists() else 0
