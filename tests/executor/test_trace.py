"""Pictures of traces, and what the process engine tells of its workers."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

from orion.executor import create_executor

_PNG = b"\x89PNG\r\n\x1a\n"


def test_a_trace_is_drawn_by_matplotlib(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    program = (  # in a process of its own, since matplotlib keeps files of fonts open
        "from orion.executor import create_executor\n"
        "with create_executor('thread', n_workers=2) as executor, executor.trace('run.png'):\n"
        "    executor.wait([executor.submit(abs, -1) for _ in range(5)])\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=100)
    assert (tmp_path / "run.png").read_bytes().startswith(_PNG)


@pytest.mark.parametrize("transport", ["auto", "portable"])
def test_a_worker_has_one_lane_and_does_one_thing_at_a_time(transport: str, tmp_path: Path) -> None:
    def meet(number: int) -> None:
        (tmp_path / str(number)).touch()
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.002)

    with create_executor("process", n_workers=2, transport=transport) as executor, executor.trace() as trace:
        executor.wait([executor.submit(meet, number) for number in range(2)])  # else one might do all of it
        executor.wait([executor.submit(time.sleep, 0.002) for _ in range(40)])
    lanes = {run.lane for run in trace.runs()}
    assert len(lanes) == 2
    assert all(lane.startswith("process ") for lane in lanes)
    slept = [run for run in trace.runs() if run.name == "sleep"]
    assert len(slept) == 40
    assert all(run.ended - run.began >= 0.002 for run in slept) or transport == "portable"
    for lane in lanes:
        runs = sorted((run.began, run.ended) for run in trace.runs() if run.lane == lane)
        assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(runs))


def test_the_memory_of_a_worker_is_told() -> None:
    with create_executor("process", n_workers=1, transport="linux") as executor, executor.trace() as trace:
        executor.submit(bytearray, 100_000_000).wait()
        executor.submit(b"x".__mul__, 50_000_000).wait()
    assert all(run.peak_memory_gb is not None and run.peak_memory_gb > 0.001 for run in trace.runs())
    assert max(run.peak_memory_gb or 0.0 for run in trace.runs()) > 0.1


def test_results_too_large_for_a_frame_are_timed_too() -> None:
    with create_executor("process", n_workers=1) as executor, executor.trace() as trace:
        assert executor.submit(b"x".__mul__, 1_000_000).get() == b"x" * 1_000_000
        assert executor.submit(b"x".__mul__, 3_990).get() == b"x" * 3_990
        assert executor.submit(b"x".__mul__, 4_060).get() == b"x" * 4_060
    assert len(trace.runs()) == 3


def test_a_trace_keeps_no_results() -> None:
    with create_executor("thread", n_workers=1) as executor, executor.trace() as trace:
        future = executor.submit(set, [1])
        gone = weakref.ref(future)
        assert future.get() == {1}
        del future
        executor.submit(abs, 1).get()
        assert gone() is None
    assert len(trace.runs()) == 2


def test_what_was_submitted_before_the_trace_has_its_name_and_no_queue_time(tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def wait_for_gate() -> None:
        while not gate.exists():
            time.sleep(0.01)

    with create_executor("process", n_workers=1) as executor:
        early = [executor.options(name="early").submit(wait_for_gate) for _ in range(2)]
        with executor.trace() as trace:
            late = executor.options(name="late").submit(abs, 1)
            gate.touch()
            executor.wait([*early, late])
    assert [(run.name, run.submitted is None) for run in trace.runs()] == [
        ("early", True),
        ("early", True),
        ("late", False),
    ]


@pytest.mark.parametrize("transport", ["linux", "portable"])
def test_attempts_and_what_tasks_submit_are_told_apart(transport: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def fails_once() -> int:
        if mark.exists():
            return 1
        mark.touch()
        raise OSError("the first time")

    with create_executor("process", n_workers=2, transport=transport) as executor, executor.trace() as trace:

        def parent() -> int:
            return executor.options(name="child", retries=1, retry_on=OSError).submit(fails_once).get()

        assert executor.options(name="parent").submit(parent).get() == 1
    told = {(run.name, run.attempt): run for run in trace.runs()}
    assert {key: run.outcome for key, run in told.items()} == {
        ("child", 1): "OSError",
        ("child", 2): "done",
        ("parent", 1): "done",
    }
    child, parent_run = told["child", 1], told["parent", 1]
    assert child.submitted is not None
    assert parent_run.began <= child.submitted <= child.began <= child.ended <= parent_run.ended
