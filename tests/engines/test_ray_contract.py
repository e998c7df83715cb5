"""Ray: the whole contract, on a Ray that is started here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orion.executor.base import BaseExecutor
from orion.executor.ray_backend import Ray
from orion.executor.testing import ExecutorConformance
from tests.engines.ray_here import local_ray, of_ray
from tests.leftovers import Standing, left_since

pytestmark = [pytest.mark.engines, pytest.mark.xdist_group("ray-engines"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module", autouse=True)
def ray_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with local_ray(tmp_path_factory.mktemp("ray")):
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind(ray_here: None) -> Iterator[None]:
    before = Standing.now()
    yield
    left = left_since(before, 10.0, of_ray)
    assert not left, "left behind by this test:\n  " + "\n  ".join(left)


class TestRay(ExecutorConformance):
    engine_name = "ray"

    def make_executor(self, n_workers: int) -> BaseExecutor:
        return Ray(n_workers)

    def make_gpu_executor(self, n_workers: int, gpus: int) -> BaseExecutor:
        return Ray(n_workers)
