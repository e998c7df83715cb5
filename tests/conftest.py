"""What every test is held to: it leaves nothing behind. How they are spread and recorded."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.guarantees import Recorder
from tests.leftovers import Standing, left_since, mark_semaphores
from tests.scheduling import ByService

PATIENCE = 10.0
"""Seconds that what is just ending may take to end."""

mark_semaphores()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--guarantees", type=Path, metavar="FOLDER", help="record there what each engine is proven to keep"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Heed Ctrl-C also in a shell's background job, which is started without; else programs under test would not.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # And SIGHUP under nohup, which tests send too.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    folder = config.getoption("--guarantees")
    if folder is not None and not hasattr(config, "workerinput"):  # else the one that started this process hears of all
        config.pluginmanager.register(Recorder(folder))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByService | None:
    return ByService(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test after which a process, thread, descriptor or shared-memory entry is left."""
    before = Standing.now()
    yield
    left = left_since(before, PATIENCE)
    if left:
        pytest.fail("left behind by this test:\n  " + "\n  ".join(left), pytrace=False)
