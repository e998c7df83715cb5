"""What the tests of faults share: executors on each transport, and a bound on the time of each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orion.executor.process_backend import ProcessExecutor

Start = Callable[..., ProcessExecutor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End each test of this folder in bounded time."""
    for item in items:
        if "tests/faults" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(params=["linux", "portable"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start(transport: str) -> Iterator[Start]:
    """Return a function that makes executors, which are closed after the test."""
    made: list[ProcessExecutor] = []

    def make(n_workers: int = 1, **settings: Any) -> ProcessExecutor:
        made.append(ProcessExecutor(n_workers, **{"transport": transport, **settings}))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


@pytest.fixture
def linux_only(transport: str) -> None:
    """Skip what the portable transport declares that it cannot do."""
    if transport == "portable":
        pytest.skip("the portable transport declares that it cannot: see orion.executor._portable")
