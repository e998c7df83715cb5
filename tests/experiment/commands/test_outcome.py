"""What a command's output and its results file say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orion.experiment import ArgumentError, InvalidResult, ResultUnreadable
from orion.experiment.objectives.commands.outcome import OutputReader, compile_metric, read_results


def read(lines: list[str], metric: str | None = None) -> tuple[Any, list[tuple[float, int]]]:
    reports: list[tuple[float, int]] = []
    reader = OutputReader(
        None if metric is None else compile_metric(metric), lambda value, step: reports.append((value, step))
    )
    for line in lines:
        reader.read(line)
    return reader.result(), reports


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        (['{"objective": 1.5, "acc": 2}', "done"], {"objective": 1.5, "acc": 2}),
        (['{"objective": 1}', '{"objective": 2}'], {"objective": 2}),
        (['{"objective": 1}', "[1]", "3", '{"other": 1}', "true", "{"], {"objective": 1}),
        (["loading", "0.25"], 0.25),
        (['{"accuracy": 1}'], {"accuracy": 1}),
    ],
)
def test_the_last_json_line(lines: list[str], result: object) -> None:
    assert read(lines) == (result, [])


def test_json_lines_with_a_step_are_intermediate_values() -> None:
    lines = ['{"step": 0, "objective": 3}', '{"objective": 2.5, "step": 1, "x": 1}', '{"step": "a", "objective": 1}']
    assert read(lines) == ({"objective": 1}, [(3.0, 0), (2.5, 1)])


@pytest.mark.parametrize(
    ("metric", "lines", "result", "steps"),
    [
        ("loss", ["loss=2", "epoch 1 loss: 1.5e-3, lr 3", "val_loss=9", "loss_b=9", "loss"], 1.5e-3, [0, 1]),
        ("val_loss", ["{'val_loss': -.5}", "VAL_LOSS  3"], 3.0, [0, 1]),
        ("eval/acc", ["eval/acc = 0.5"], 0.5, [0]),
        ("loss", ["loss=nan", "loss=inf"], float("inf"), [0, 1]),
        (r"step (?P<step>\d+): (?P<value>\S+)", ["step 7: 0.5", "step 9: x", "step 10: 1"], 1.0, [7, 10]),
        (r"acc (\S+)", ["acc 0.5%", "acc 0.75"], 0.75, [0]),
    ],
)
def test_a_metric_in_the_output(metric: str, lines: list[str], result: float, steps: list[int]) -> None:
    found, reports = read(lines, metric)
    assert found == result
    assert [step for _, step in reports] == steps


def test_nothing_found() -> None:
    with pytest.raises(InvalidResult, match="left no result"):
        read(["text"])
    with pytest.raises(InvalidResult, match="no line of the command's output has the metric"):
        read(['{"objective": 1}'], "loss")


@pytest.mark.parametrize(("metric", "reason"), [("loss=(", "no regular expression"), (r"loss=\d", "no group")])
def test_what_is_no_metric(metric: str, reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        compile_metric(metric)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (None, None),
        (" \n", None),
        ("0.5", 0.5),
        ('{"objective": 1, "a": 2}', {"objective": 1, "a": 2}),
        ("[1, 2]", [1, 2]),
        (
            '[{"name": "loss", "type": "objective", "value": 1}, {"name": "t", "type": "statistic", "value": 2}]',
            {"objective": 1, "t": 2},
        ),
        ('[{"type": "objective", "value": 1}, {"type": "objective", "value": 2}]', {"objective": [1, 2]}),
    ],
)
def test_the_results_file(text: str | None, result: object, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "r").write_text(text)
    assert read_results(tmp_path / "r") == result


@pytest.mark.parametrize("content", [b"loss=0.5", b"\xff\xfe", b'{"objective": 0.'])
def test_a_results_file_that_is_no_json(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(content)
    with pytest.raises(ResultUnreadable):
        read_results(tmp_path / "r")
