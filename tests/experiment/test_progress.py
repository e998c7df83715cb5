"""What a running experiment shows."""

from __future__ import annotations

import io

import pytest

from orion.experiment.recording.result import Direction, ExperimentResult, TrialRecord
from orion.experiment.recording.tally import Tally
from orion.experiment.views.plain_lines import PlainReporter
from orion.experiment.views.progress import Progress, Reporter, make_reporter
from orion.experiment.views.progress_bar import BarReporter

FAILURE = {"type": "ValueError", "message": "bad\n[x]", "traceback": "…"}
COMPLETED = TrialRecord(0, "completed", {"x": 0.123456789, "k": "a"}, value=2.0, values=(2.0,))
BETTER = TrialRecord(2, "completed", {"x": 1.0, "k": "b"}, value=1.0, values=(1.0,))
PRUNED = TrialRecord(3, "pruned", {"x": 2.0, "k": "b"}, intermediate={0: 5.0, 3: 4.0})
FAILED = TrialRecord(1, "failed", {"x": 0.5, "k": "a"}, failure=FAILURE)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(stream: io.StringIO, direction: Direction = "minimize") -> Progress:
    return Progress(ExperimentResult("e", direction, ()), 4, make_reporter(True, stream))


def test_plain_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    shown = progress(stream)
    shown.started(Tally(), 0)
    shown.trial_started(Tally(running=1), 0, 1, {})
    shown.trial_ended(Tally(completed=1), COMPLETED)
    shown.trial_ended(Tally(completed=1, failed=1), FAILED)
    shown.trial_ended(Tally(completed=2, failed=1), BETTER)
    shown.trial_retried(Tally(completed=2, failed=1, waiting=1), 3, "WorkerLost: gone")
    shown.trial_ended(Tally(completed=2, failed=1, pruned=1), PRUNED)
    shown.noted("its time is over")
    assert stream.getvalue().splitlines() == [
        "e: new experiment, 4 trials",
        "[1/4] trial 0: 2 (x=0.123457 k=a), best 2",
        "[2/4] trial 1: failed, ValueError: bad [x] (x=0.5 k=a), best 2",
        "[3/4] trial 2: 1 (x=1 k=b), best 1",
        "trial 3 is tried again: WorkerLost: gone",
        "[4/4] trial 3: pruned at step 3, 4 (x=2 k=b), best 1",
        "e: its time is over",
    ]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    reporter = make_reporter(True, stream)
    assert isinstance(reporter, BarReporter)
    shown = Progress(ExperimentResult("e", "minimize", ()), 4, reporter)
    shown.started(Tally(completed=1, waiting=2), 2)
    shown.trial_started(Tally(completed=1, running=1), 1, 1, {})
    shown.trial_ended(Tally(completed=1, failed=1), FAILED)
    shown.trial_ended(Tally(completed=2, failed=1, running=1), BETTER)
    reporter.close()
    text = stream.getvalue()
    assert "e: continuing: 1 of 4 done, 2 interrupted trials queued again" in text
    assert "trial 1 failed: ValueError: bad [x]" in text
    assert "3/4" in text
    assert "1 failed" in text
    assert "1 running" in text
    assert "best 1" in text
    assert text.endswith("\x1b[?25h"), "the cursor must be shown again"


def test_the_best_is_the_largest_where_that_is_asked() -> None:
    shown = progress(io.StringIO(), "maximize")
    for record in (FAILED, COMPLETED, BETTER):
        shown.trial_ended(Tally(), record)
    assert shown.best is COMPLETED


def test_nothing_where_nothing_is_asked() -> None:
    assert type(make_reporter(False, Terminal())) is Reporter
    assert isinstance(make_reporter(True, io.StringIO()), PlainReporter)


@pytest.mark.parametrize(
    ("tally", "interrupted", "opening"),
    [
        (Tally(), 0, "e: new experiment, 4 trials"),
        (Tally(completed=2, failed=1), 0, "e: continuing: 3 of 4 done (1 failed)"),
        (Tally(completed=1, failed=1, pruned=1), 0, "e: continuing: 3 of 4 done (1 failed and 1 pruned)"),
        (Tally(completed=2, waiting=1), 1, "e: continuing: 2 of 4 done, 1 interrupted trial queued again"),
        (Tally(waiting=3), 1, "e: continuing: 0 of 4 done, 1 interrupted trial queued again, 2 more queued"),
        (Tally(running=2), 0, "e: continuing: 0 of 4 done, 2 running in another driver"),
        (Tally(completed=5), 0, "e: 5 trials are done already; ask for more than that to go on"),
    ],
)
def test_the_opening_says_what_was_found(tally: Tally, interrupted: int, opening: str) -> None:
    stream = io.StringIO()
    progress(stream).started(tally, interrupted)
    assert stream.getvalue() == f"{opening}\n"
