"""``trace`` and ``counters``."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class TracingTests(Conformance):
    """Who was busy when, and how much became of what."""

    def test_counters_count_what_was_submitted_is_done_and_has_failed(self) -> None:
        executor = self.start()
        futures: list[Any] = [executor.submit(tasks.identity, number) for number in range(3)]
        futures += [executor.submit(tasks.fail_with, kind, "wrong") for kind in (ValueError, ValueError, KeyError)]
        for future in futures:
            future.wait()
        counters = executor.options(name="mine").counters()
        assert (counters["submitted"], counters["done"]) == (6, 6)
        assert counters["failed"] == {"ValueError": 2, "KeyError": 1}

    def test_counters_tell_how_many_run(self, tmp_path: Path) -> None:
        executor = self.start()
        held = self.hold(executor, tmp_path)
        counters = executor.counters()
        assert counters["running"] in (1, None)
        assert (counters["submitted"], counters["done"], counters["queue_time"]) == (1, 0, None)
        held.release()
        held.future.wait()
        self.await_that(lambda: executor.counters()["running"] in (0, None))

    def test_counters_are_logged_when_the_executor_is_closed(self, caplog: pytest.LogCaptureFixture) -> None:
        executor = self.start()
        with caplog.at_level(logging.INFO, "orion.executor"):
            executor.submit(tasks.identity, 1).wait()
            executor.close()
        (record,) = [record for record in caplog.records if record.name == "orion.executor"]
        assert vars(record)["counters"]["done"] == 1

    def test_a_trace_has_a_slice_for_each_task(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "tracing")
        before = time.monotonic()
        with executor.trace(tmp_path / "run.json") as trace:
            named = executor.options(name="mine")
            executor.wait([named.submit(tasks.identity, number) for number in range(5)])
            executor.submit(tasks.fail_with, ValueError, "wrong").wait()
            queue_time = executor.counters()["queue_time"]
            assert queue_time is not None
            assert queue_time >= 0
        executor.submit(tasks.identity, "later").wait()
        runs = trace.runs()
        assert sorted(run.name for run in runs) == ["fail_with", *["mine"] * 5]
        assert all(before <= run.submitted <= run.began <= run.ended for run in runs if run.submitted is not None)
        assert all(run.submitted is not None for run in runs)
        assert {run.outcome for run in runs} == {"done", "ValueError"}
        events = json.loads((tmp_path / "run.json").read_text())["traceEvents"]
        slices = [event for event in events if event["ph"] == "X"]
        lanes = {event["tid"] for event in events if event["name"] == "thread_name"}
        assert len(slices) == 6
        assert {event["tid"] for event in slices} == lanes
        assert all(event["dur"] >= 0 and event["args"]["queue_time_s"] >= 0 for event in slices)

    def test_a_trace_shows_every_attempt(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "tracing", "retries")
        with executor.trace(tmp_path / "run.json") as trace:
            patient = executor.options(retries=2, retry_on=ValueError)
            assert patient.submit(tasks.record_and_raise, tmp_path, "run", 3).get() == 3
        assert [(run.attempt, run.outcome) for run in trace.runs()] == [
            (1, "ValueError"),
            (2, "ValueError"),
            (3, "done"),
        ]
        events = json.loads((tmp_path / "run.json").read_text())["traceEvents"]
        marks = [event["name"] for event in events if event["ph"] == "i"]
        assert marks == ["attempt 2: record_and_raise", "attempt 3: record_and_raise"]

    def test_a_trace_marks_a_death(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "tracing", "worker_death", "exit_status")
        with executor.trace(tmp_path / "run.json") as trace:
            executor.submit(tasks.print_and_die, "").wait()
        (run,) = trace.runs()
        assert run.outcome == "WorkerLost"
        events = json.loads((tmp_path / "run.json").read_text())["traceEvents"]
        assert [event["name"] for event in events if event["ph"] == "i"] == ["WorkerLost: print_and_die"]

    def test_a_trace_is_drawn(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "tracing")
        with executor.trace(tmp_path / "run.html"):
            executor.options(name="<mine>").submit(tasks.identity, 1).wait()
        page = (tmp_path / "run.html").read_text()
        assert "1 tasks, 0 failed, 1 workers" in page
        assert page.count("<rect ") == 1
        assert "&lt;mine&gt; (done)" in page

    def test_where_a_trace_cannot_be_written_is_told_at_once(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "tracing")
        with pytest.raises(ValueError, match=r"\.json, \.html, \.png"):
            executor.trace("run.txt")
        with pytest.raises(FileNotFoundError, match="no such folder"):
            executor.trace(tmp_path / "missing" / "run.json")
        with executor.trace(), pytest.raises(ValueError, match="traced already"), executor.trace():
            pass
