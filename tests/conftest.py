"""What every test is held to: it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.leftovers import Standing, left_since

PATIENCE = 10.0
"""Seconds that what is just ending may take to end."""


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test after which a process, thread, descriptor or shared-memory entry is left."""
    before = Standing.now()
    yield
    left = left_since(before, PATIENCE)
    if left:
        pytest.fail("left behind by this test:\n  " + "\n  ".join(left), pytrace=False)
