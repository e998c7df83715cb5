"""What a task is told about itself: its name and the number of its attempt."""

from __future__ import annotations

import threading
from pathlib import Path

from orion.executor import current_task
from orion.executor.testing import tasks
from orion.executor.testing.conformance._base import Conformance


class CurrentTaskTests(Conformance):
    """``orion.executor.current_task`` says the same on every engine."""

    def test_a_task_knows_its_name_and_its_attempt(self) -> None:
        executor = self.start(1)
        assert executor.submit(tasks.myself).get() == ("myself", 1)
        assert executor.options(name="trial 7 · größer").submit(tasks.myself).get() == ("trial 7 · größer", 1)
        assert executor.submit(lambda: (tasks.myself(), "by value")).get()[0][0].endswith("<lambda>")

    def test_outside_of_tasks_there_is_none(self) -> None:
        executor = self.start(1)
        assert current_task() is None
        assert executor.submit(tasks.identity, 1).get() == 1
        assert current_task() is None

    def test_a_task_knows_which_attempt_it_is(self, tmp_path: Path) -> None:
        executor = self.start(1)
        self.needs(executor, "retries")

        def task() -> tuple[str, int]:
            tasks.record_and_raise(tmp_path, "run", 3)
            return tasks.myself()

        future = executor.options(retries=2, retry_on=ValueError, name="again").submit(task)
        assert future.get() == ("again", 3)
        assert future.attempt == 3

    def test_tasks_one_after_the_other_are_told_apart(self) -> None:
        executor = self.start(2)
        count = self.lot(20)
        futures = [executor.options(name=f"trial {number}").submit(tasks.myself) for number in range(count)]
        assert executor.wait(futures) == [(f"trial {number}", 1) for number in range(count)]
        assert executor.submit(tasks.myself).get() == ("myself", 1)

    def test_a_large_call_is_told_too(self) -> None:
        executor = self.start(1)
        large = bytes(1 << 20)
        assert executor.options(name="large").submit(tasks.myself, large).get() == ("large", 1)

    def test_a_nested_task_is_itself_and_its_parent_remains(self) -> None:
        executor = self.start(1)
        self.needs(executor, "nested")
        future = executor.options(name="above").submit(tasks.names_above_and_below, executor)
        assert future.get() == ("above", "below", "above")

    def test_tasks_at_the_same_time_are_told_apart(self, tmp_path: Path) -> None:
        executor = self.start(2)
        self.needs(executor, "concurrency")
        release = tmp_path / "release"
        futures = []
        for name in ("left", "right"):
            started = tmp_path / name
            futures.append(executor.options(name=name).submit(tasks.touch_and_wait_and_say, started, release))
            self.await_file(started)
        release.touch()
        assert executor.wait(futures) == [("left", 1), ("right", 1)]

    def test_other_threads_of_the_driver_are_outside(self, tmp_path: Path) -> None:
        executor = self.start(1)
        held = self.hold(executor, tmp_path)
        seen: list[object] = []
        thread = threading.Thread(target=lambda: seen.append(current_task()))
        thread.start()
        thread.join()
        held.release()
        held.future.wait()
        assert seen == [None]
