"""What ``executor.progress`` shows, in the places where it may be shown."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from orion.executor import create_executor
from orion.executor._core.progress import Lines
from tests.notebooks import run_notebook

PROGRAM = """
from orion.executor import create_executor
with create_executor("thread", n_workers=2) as executor:
    futures = [executor.submit(divmod, 7, number) for number in (1, 0, 2)]
    print(len(list(executor.progress(futures, label="runs"))))
"""


def on_a_terminal(program: str, folder: Path) -> str:
    """Run a program whose standard error is a terminal; return what that shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=theirs, cwd=folder, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(ours)
    assert process.wait() == 0, shown
    return shown.decode()


def test_on_a_terminal_there_is_a_bar(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    shown = on_a_terminal(PROGRAM, tmp_path)
    assert "━" in shown
    assert "3/3" in shown
    assert "1 failed" in shown


def test_without_rich_there_are_lines(tmp_path: Path) -> None:
    shown = on_a_terminal(f"import sys; sys.modules['rich'] = None\n{PROGRAM}", tmp_path)
    assert "━" not in shown
    assert "runs: 3/3, 1 failed (" in shown


def test_in_a_notebook_there_is_a_widget(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipywidgets")
    notebook = run_notebook([PROGRAM], tmp_path)
    outputs = notebook["cells"][0]["outputs"]
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
    state = notebook["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    (bar,) = [model["state"] for model in state if model["model_name"] == "IntProgressModel"]
    (text,) = [model["state"] for model in state if model["model_name"] == "LabelModel"]
    assert (bar["value"], bar["max"], bar["description"]) == (3, 3, "runs")
    assert text["value"] == "3/3, 1 failed"


def test_elsewhere_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with create_executor("thread", n_workers=2) as executor:
        futures = [executor.submit(abs, number) for number in range(100)]
        assert set(executor.progress(futures)) == set(futures)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("tasks: 0/100 (")
    assert lines[-1].startswith("tasks: 100/100 (")


def test_lines_come_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    stream = io.StringIO()
    lines = Lines("runs", 1000, stream)
    for done in range(11):
        lines.update(done, 0)
        now += 1.0
    assert stream.getvalue().splitlines() == ["runs: 0/1000 (0.0 s)", "runs: 5/1000 (5.0 s)", "runs: 10/1000 (10.0 s)"]


def test_who_stops_early_gets_the_terminal_back(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    program = PROGRAM.replace(
        'print(len(list(executor.progress(futures, label="runs"))))', "next(executor.progress(futures))"
    )
    shown = on_a_terminal(program, tmp_path)
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor was hidden, and is shown again
