"""The line between a running trial and its driver."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from orion.experiment import ExperimentError
from orion.experiment.line.caller import Caller, TrialOver
from orion.experiment.line.conversation import Conversation
from orion.experiment.line.desk import Desk
from orion.experiment.line.proxy import TrialProxy


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), pruner=optuna.pruners.MedianPruner(1))


Begin = Callable[[], TrialProxy]


@pytest.fixture
def begin(desk: Desk, study: optuna.Study) -> Iterator[Begin]:
    """Begin a trial of the study, and return its proxy."""
    callers = []

    def begin() -> TrialProxy:
        trial = study.ask()
        desk.admit(str(trial.number), Conversation(trial, stop=lambda: stopped.append(trial.number)))
        callers.append(Caller(desk.address, str(trial.number)))
        return TrialProxy(callers[-1], trial.number)

    stopped: list[int] = []
    begin.stopped = stopped  # type: ignore[attr-defined]  # for the test that stops a study
    yield begin
    for caller in callers:
        caller.close()


def test_a_proxy_suggests_what_the_study_suggests_and_records_it(begin: Begin, study: optuna.Study) -> None:
    reference = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1)).ask()

    def suggest(trial: optuna.trial.BaseTrial) -> list[object]:
        return [
            trial.suggest_float("lr", 1e-5, 1, log=True),
            trial.suggest_float("momentum", 0, 1, step=0.25),
            trial.suggest_int("layers", 1, 9, step=2),
            trial.suggest_categorical("kind", ["a", None, 3, True, 2.5]),
            trial.suggest_float("lr", 1e-5, 1, log=True),
        ]

    proxy = begin()
    assert suggest(proxy) == suggest(reference)
    assert proxy.params == reference.params == study.trials[0].params
    assert proxy.distributions == study.trials[0].distributions
    assert proxy.datetime_start == study.trials[0].datetime_start
    assert (proxy.number, proxy.study.study_name) == (0, study.study_name)


def test_reports_and_judgements(begin: Begin, study: optuna.Study) -> None:
    for _ in range(2):
        proxy = begin()
        proxy.report(1.0, 0)
        assert proxy.should_prune() is False
        study.tell(proxy.number, 1.0)
    proxy = begin()
    proxy.report(5, step=0)
    assert proxy.should_prune() is True
    assert study.trials[2].intermediate_values == {0: 5.0}


def test_attributes_and_constraints(begin: Begin, study: optuna.Study) -> None:
    proxy = begin()
    proxy.set_user_attr("note", {"a": [1, None]})
    proxy.set_constraint("size", -1)
    assert proxy.user_attrs == study.trials[0].user_attrs == {"note": {"a": [1, None]}}
    assert proxy.constraints == {"size": -1.0}
    proxy.study.set_user_attr("by", "trial")
    assert proxy.study.user_attrs == study.user_attrs == {"by": "trial"}


def test_the_study_as_a_trial_sees_it(begin: Begin, study: optuna.Study) -> None:
    for x in (3.0, 1.0, 2.0):
        study.enqueue_trial({"x": x})
        proxy = begin()
        study.tell(proxy.number, proxy.suggest_float("x", 0, 5))
    seen = begin().study
    assert seen.directions == [seen.direction] == [StudyDirection.MINIMIZE]
    assert (seen.best_value, seen.best_params, seen.best_trial.values) == (1.0, {"x": 1.0}, [1.0])
    assert [trial.values for trial in seen.trials] == [[3.0], [1.0], [2.0], None]
    assert seen.trials[:3] == study.trials[:3]
    assert [trial.number for trial in seen.get_trials(states=(TrialState.RUNNING,))] == [3]
    assert [trial.number for trial in seen.best_trials] == [1]
    with pytest.raises(AttributeError, match="has no 'optimize' where an objective runs in a worker"):
        seen.optimize  # noqa: B018 - to look it up is what is tried
    seen.stop()
    assert begin.stopped == [3]  # type: ignore[attr-defined]  # see the fixture


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda trial: trial.suggest_float("x", 2, 1), ValueError, "low"),
        (lambda trial: trial.suggest_int("x", 0, 5, log=True), ValueError, "low"),
        (lambda trial: trial.suggest_categorical("x", [(1, 2), (3, 4)]), TypeError, "cannot travel"),
        (lambda trial: trial.report("high", 1), TypeError, "supposed to be a float"),
        (lambda trial: trial.report(1.0, "one"), TypeError, "supposed to be an int"),
        (lambda trial: trial.report(1.0, -1), ValueError, "step"),
        (lambda trial: trial.set_user_attr("model", object()), TypeError, "JSON"),
        (lambda trial: trial.suggest_int("y", 0, 5), ValueError, "distribution"),
    ],
)
def test_errors_arrive_where_they_were_made(ask: Any, error: type[Exception], message: str, begin: Begin) -> None:
    proxy = begin()
    proxy.suggest_float("y", 0, 1)
    with pytest.raises(error, match=message):
        ask(proxy)
    assert proxy.suggest_float("z", 0, 1) <= 1


def test_a_trial_that_was_begun_before_keeps_its_parameters_and_reports_anew(
    begin: Begin, study: optuna.Study, desk: Desk
) -> None:
    first = begin()
    x = first.suggest_float("x", 0, 1)
    first.report(9.0, 0)
    again = optuna.Trial(study, study.trials[0]._trial_id)
    desk.admit("0", Conversation(again, stop=lambda: None))
    second = TrialProxy(first._caller, 0)
    assert second.params == {"x": x}
    assert second.suggest_float("x", 0, 1) == x
    second.report(1.0, 0)
    assert study.trials[0].intermediate_values == {0: 1.0}


def test_a_trial_that_is_over_is_told_so(begin: Begin, desk: Desk) -> None:
    proxy = begin()
    desk.dismiss("0")
    with pytest.raises(TrialOver):
        proxy.report(1.0, 1)


def test_a_driver_that_is_gone(desk: Desk) -> None:
    other = Desk()
    other.close()
    caller = Caller(other.address, "0")
    with pytest.raises(ExperimentError, match="cannot reach its driver"):
        caller.ask("snapshot")


def test_many_trials_and_threads_at_once(begin: Begin, study: optuna.Study) -> None:
    proxies = [begin() for _ in range(4)]
    together = threading.Barrier(8)

    def work(place: int) -> list[float]:
        together.wait()
        return [proxies[place // 2].suggest_float(f"x{place % 2}-{step}", 0, 1) for step in range(20)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    for place, values in enumerate(found):
        params = study.trials[place // 2].params
        assert values == [params[f"x{place % 2}-{step}"] for step in range(20)]


def test_a_fork_asks_by_a_line_of_its_own(begin: Begin, study: optuna.Study) -> None:
    proxy = begin()
    proxy.report(0.0, 0)
    child = os.fork()
    if child == 0:
        try:
            proxy.report(1.0, 1)
        finally:
            os._exit(0)
    proxy.report(2.0, 2)
    assert os.waitpid(child, 0)[1] == 0
    assert study.trials[0].intermediate_values == {0: 0.0, 1: 1.0, 2: 2.0}


@pytest.mark.parametrize("junk", [b"\x00\xff\n", b"[]\n", b'{"trial": 3}\n', b'"text"\n', b'{"ask": "x"}\n'])
def test_who_does_not_speak_as_a_trial_is_hung_up_on(junk: bytes, desk: Desk, begin: Begin) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(desk.address)
        stranger.sendall(junk)
        stranger.settimeout(10)
        assert stranger.recv(100) in (b"", b'{"over": true}\n')
    assert begin().suggest_int("n", 1, 1) == 1


def test_only_the_user_can_reach_the_desk(desk: Desk) -> None:
    folder = os.path.dirname(desk.address)
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    desk.close()
    assert not os.path.exists(folder)


def test_distributions_travel(begin: Begin) -> None:
    proxy = begin()
    proxy.suggest_float("f", 0, 1, step=0.5)
    proxy.suggest_int("i", 1, 8, log=True)
    proxy.suggest_categorical("c", ("a", 1))
    assert proxy.distributions == {
        "f": FloatDistribution(0, 1, step=0.5),
        "i": IntDistribution(1, 8, log=True),
        "c": CategoricalDistribution(("a", 1)),
    }
