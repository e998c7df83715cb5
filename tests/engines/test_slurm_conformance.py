"""The contract, proven for the engine of Slurm against a Slurm cluster."""

from __future__ import annotations

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.slurm_backend import Slurm
from orion.executor.testing import ExecutorConformance


@pytest.mark.engines
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("slurm_cluster", "in_folder")
class TestSlurm(ExecutorConformance):
    engine_name = "slurm"
    patience = 240.0
    at_most = 8
    few, many = 10, 200

    @pytest.fixture
    def in_folder(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path_factory.mktemp("driver"))  # where executors make their folders

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return self._make(n_workers, exclude="n2")  # another test has that node fail

    def make_gpu_executor(self, n_workers: int, gpus: int) -> BaseExecutor:
        assert gpus == 2, "each node of the service has two"
        return self._make(n_workers, nodelist="n3")

    def _make(self, n_workers: int, **directives: str) -> BaseExecutor:
        return Slurm(n_workers, directives=directives, poll_interval=0.05, lookup_interval=1.0, file_lag=0.5)
