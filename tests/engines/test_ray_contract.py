"""Ray: the whole contract, on a Ray that is started here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.ray_backend import Ray
from orion.executor.testing import ExecutorConformance
from tests.engines.ray_here import local_ray, nothing_left_but_ray

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", autouse=True)
def ray_here(ray_token: Path) -> Iterator[None]:
    with local_ray(ray_token):
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind(ray_here: None) -> Iterator[None]:
    with nothing_left_but_ray():
        yield


class TestRay(ExecutorConformance):
    engine_name = "ray"
    patience = 120.0  # a host is an interpreter that Ray starts, beside other tests

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Ray(n_workers)

    def make_gpu_executor(self, n_workers: int, gpus: int) -> BaseExecutor:
        return Ray(n_workers)
