"""Experiments on a MySQL server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orion.experiment import Experiment
from orion.experiment.storage import open_database
from tests.services.debian import needs
from tests.services.mysql import SOFTWARE, running

pytestmark = [
    pytest.mark.engines,
    pytest.mark.timeout(400),
    needs(SOFTWARE),
    pytest.mark.usefixtures("trials_folder_here"),
]


@pytest.fixture
def url() -> Iterator[str]:
    with running() as url:
        yield url


def test_an_experiment_goes_on_and_drivers_know_who_is_alive(url: str) -> None:
    for count in (3, 5):
        result = Experiment("e", {"x": "uniform(0, 1)"}, url).run(lambda x: x, count, "single", progress=False)
    assert result.counts == {"completed": 5}
    first, second = (open_database(url, create=False) for _ in range(2))
    with first.lock.exclusive():
        assert first.lock.is_alive(second.lock.driver)
        assert first.lock.is_alive(first.lock.driver)
        second.close()
        assert not first.lock.is_alive(second.lock.driver)
    first.close()
