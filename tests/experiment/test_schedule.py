"""How many trials may start."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orion.experiment.recording.result import TrialRecord
from orion.experiment.recording.tally import Tally, may_start
from orion.experiment.running.patience import Patience

counts = st.integers(0, 50)


@given(counts, counts, counts, counts, counts, st.integers(1, 100))
def test_never_more_than_asked_for(
    completed: int, failed: int, running: int, waiting: int, pruned: int, max_trials: int
) -> None:
    tally = Tally(completed, failed, running, waiting, pruned)
    started = 0
    while may_start(tally, max_trials) and started <= max_trials:
        tally = Tally(completed, failed, tally.running + 1, waiting, pruned)
        started += 1
    assert tally.done + tally.running == max(max_trials, completed + failed + running + pruned)


def test_queued_trials_are_run_within_the_limit() -> None:
    assert may_start(Tally(completed=3, failed=5, waiting=4), max_trials=9)
    assert not may_start(Tally(completed=3, failed=6, waiting=4), max_trials=9)


def trial(number: int, value: float | None) -> TrialRecord:
    values = None if value is None else (value, 0.0)
    return TrialRecord(number, "failed" if value is None else "completed", {}, values=values)


def test_patience_ends_some_trials_after_the_best() -> None:
    patience = Patience(2, [trial(0, 5.0), trial(1, 3.0)], "minimize")
    for later, exhausted in ((trial(2, 4.0), False), (trial(3, 2.0), False), (trial(4, None), False)):
        patience.note(later)
        assert patience.exhausted() is exhausted
    patience.note(trial(5, 2.0))  # as good is no better
    assert patience.exhausted()


def test_patience_waits_for_a_first_value_and_may_be_endless() -> None:
    patience = Patience(1, [trial(0, None), trial(1, None)], "maximize")
    assert not patience.exhausted()
    patience.note(trial(2, 1.0))
    patience.note(trial(3, 0.0))
    assert patience.exhausted()
    endless = Patience(None, [trial(number, float(-number)) for number in range(100)], "maximize")
    assert not endless.exhausted()
