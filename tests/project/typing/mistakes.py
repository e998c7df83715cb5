"""A user's mistakes; type checkers find each line that is marked, and no other. See test_typing.py."""

from __future__ import annotations

from orion.executor import BaseExecutor
from orion.experiment import Experiment, optimize


def scale(value: float, factor: int = 2) -> float:
    return value * factor


def label(number: int) -> str:
    return str(number)


async def mistaken(executor: BaseExecutor) -> None:
    executor.submit(scale, "1.0")  # wrong: str for float
    executor.submit(scale, 1.0, fator=3)  # wrong: no such argument
    executor.submit(scale)  # wrong: an argument is missing
    executor.submit(7)  # wrong: not callable
    text: str = executor.submit(scale, 1.0).get()  # wrong: get returns float
    number: int = await executor.submit(label, 1)  # wrong: await returns str
    executor.map(label, ["1"])  # wrong: items are str
    executor.map(scale, [1.0], ["2"])  # wrong: items of the second are str
    executor.as_concurrent().submit(scale, "1.0")  # wrong: str for float
    executor.as_completed([1])  # wrong: no futures
    executor.counters()["faild"]  # wrong: no such counter
    print(text, number)


def mistuned(experiment: Experiment) -> None:
    experiment.run("train", max_trials=3)  # wrong: no function
    experiment.run(scale, max_trails=3)  # wrong: no such argument
    experiment.run(scale, progress="yes")  # wrong: no such way to show it
    print(experiment.result().best.value)  # wrong: there may be none
    Experiment("name")  # wrong: an argument is missing
    optimize(scale, scale)  # wrong: no study
