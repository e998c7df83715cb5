"""What tasks print and log."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class OutputTests(Conformance):
    """``options(output=…, logs=…)``, ``future.output``."""

    def test_captured_output_is_all_that_was_printed_in_order(self, capfd: pytest.CaptureFixture[str]) -> None:
        executor = self.start()
        self.needs(executor, "output")
        futures = [executor.options(output="capture").submit(tasks.print_lines, number, 50) for number in range(5)]
        for number, future in enumerate(futures):
            assert future.get() == number
            lines = [f"{number}: {kind} {place}" for place in range(50) for kind in ("out", "err")]
            assert future.output.splitlines() == lines
        assert "out" not in capfd.readouterr().out

    def test_captured_output_can_be_read_while_the_task_runs(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "output", "background")
        release = tmp_path / "release"
        future = executor.options(output="capture").submit(tasks.print_and_wait, "so far", release)
        self.await_that(lambda: future.output == "so far")
        release.touch()
        assert future.get() is None
        assert future.output == "so far, done\n"

    def test_output_of_a_failed_task_is_kept(self) -> None:
        executor = self.start()
        self.needs(executor, "output")
        future = executor.options(output="capture").submit(tasks.print_and_raise, "last words")
        with pytest.raises(ValueError, match="after that"):
            future.get()
        assert future.output == "last words\n"

    def test_output_survives_the_worker(self) -> None:
        executor = self.start()
        self.needs(executor, "output", "worker_death")
        for _ in range(5):
            future = executor.options(output="capture").submit(tasks.print_and_die, "last words")
            future.wait()
            assert future.output == "last words"

    def test_output_of_processes_is_captured_too(self) -> None:
        executor = self.start()
        self.needs(executor, "output", "output_of_processes")
        future = executor.options(output="capture").submit(tasks.print_by_a_process, "from a process")
        future.get()
        assert future.output == "before\nfrom a process\nafter\n"

    def test_much_output_is_captured(self) -> None:
        executor = self.start()
        self.needs(executor, "output")
        future = executor.options(output="capture").submit(tasks.print_much, 300_000)
        assert future.get() == 300_000
        assert len(future.output) == 2 * 300_001

    def test_output_of_all_attempts_is_kept(self, tmp_path: Path) -> None:
        executor = self.start()
        self.needs(executor, "output", "retries")
        patient = executor.options(output="capture", retries=2, retry_on=ValueError)
        future = patient.submit(tasks.print_and_raise_until, tmp_path, 3)
        assert future.get() == 3
        assert future.output == "run 1\nrun 2\nrun 3\n"

    def test_output_is_shown_with_the_task_before_each_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        executor = self.start()
        self.needs(executor, "output")
        shown = executor.options(output="prefix", name="mine")
        executor.wait([shown.submit(tasks.print_lines, number, 3) for number in range(2)])
        shown.submit(tasks.print_and_raise, "the last").wait()
        executor.close()
        lines = capsys.readouterr().out.splitlines()
        assert all(line.startswith("[mine] ") for line in lines)
        for number in range(2):
            expected = [f"[mine] {number}: {kind} {place}" for place in range(3) for kind in ("out", "err")]
            assert [line for line in lines if f"] {number}: " in line] == expected
        assert "[mine] the last" in lines

    def test_without_the_option_there_is_no_output_to_ask_for(self) -> None:
        future = self.start().submit(tasks.identity, 1)
        with pytest.raises(ValueError, match="output='capture'"):
            future.output  # noqa: B018 - reading it raises

    def test_log_records_reach_the_drivers_logging(self, caplog: pytest.LogCaptureFixture) -> None:
        executor = self.start()
        self.needs(executor, "logs")
        with caplog.at_level(logging.DEBUG):
            logged = executor.options(logs="INFO", name="mine")
            logged.submit(tasks.log_records, "orion.conformance").get()
            executor.close()
        records = [record for record in caplog.records if record.name == "orion.conformance"]
        found = [(record.levelname, record.getMessage(), vars(record)["task"]) for record in records]
        assert ("INFO", "a note on 7", "mine") in found
        assert ("ERROR", "it failed", "mine") in found
        (failed,) = [record for record in records if record.levelname == "ERROR"]
        assert re.search(r"ValueError: of the log", caplog.text)
        assert failed.funcName == "log_records"

    def test_the_options_of_output_are_checked(self) -> None:
        executor = self.start()
        self.needs(executor, "output", "logs")
        with pytest.raises(ValueError, match="'capture', 'prefix'"):
            executor.options(output="everywhere")
        with pytest.raises(ValueError, match="level of logging"):
            executor.options(logs="LOUD")
