from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.executor.concurrent_view.pools import ALL, PROCESSES, Pool, opened


@pytest.fixture(params=ALL)
def pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pool]:
    """An executor with one worker, of each kind."""
    with opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture(params=PROCESSES)
def process_pool(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pool]:
    """An executor with one worker process, of each kind."""
    with opened(request.param, tmp_path) as made:
        yield made
