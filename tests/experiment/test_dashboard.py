"""Optuna's dashboard on a storage of ours, in a real browser."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from pathlib import Path

import pytest

from orion.experiment import Experiment
from tests.experiment.drivers import Start
from tests.services.debian import CHROMIUM, find, needs

BROWSER = find("chromium")


@pytest.mark.engines
@pytest.mark.timeout(300)
@needs(CHROMIUM)
def test_a_browser_shows_the_experiment(start: Start, tmp_path: Path) -> None:
    experiment = Experiment("a-search-of-ours", {"rate_of_ours": "uniform(0, 1)"}, tmp_path / "experiments.db", seed=1)
    experiment.run(lambda rate_of_ours: rate_of_ours, 6, "single", progress=False)
    server = start("dashboard", "--port", "0")
    assert server.stdout is not None
    address = server.stdout.readline().split()[0]
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{address}api/studies") as answer:  # noqa: S310 - it is our own server
        assert b"a-search-of-ours" in answer.read()
    listed = browse(f"{address}dashboard", tmp_path)
    assert "a-search-of-ours" in listed
    study = browse(f"{address}dashboard/studies/1", tmp_path)
    assert "a-search-of-ours" in study
    assert "rate_of_ours" in study


def browse(address: str, folder: Path) -> str:
    """Return the page as it is once its scripts have run."""
    assert BROWSER is not None
    page = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=20000", "--dump-dom", address,
        ],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    return page.stdout
