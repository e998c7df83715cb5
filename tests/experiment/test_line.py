"""The line between a running trial and its driver."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from orion.experiment import ArgumentError, ExperimentError
from orion.experiment.line.address import Address, LocalAddress, NetworkAddress, proof
from orion.experiment.line.caller import Caller, TrialOver
from orion.experiment.line.conversation import Conversation, snapshot
from orion.experiment.line.desk import Desk
from orion.experiment.line.door import NetworkDoor
from orion.experiment.line.here import shut_here
from orion.experiment.line.proxy import TrialProxy

PLACES = {"another process": None, "elsewhere": "127.0.0.2", "by name": "localhost:0"}


@pytest.fixture(params=["this process", *PLACES])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk as trials there see it."""
    desk = Desk(PLACES.get(request.param))
    if request.param in PLACES:
        shut_here(desk.address)
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
        return TrialProxy(callers[-1], trial.number, snapshot(trial))

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
    second = TrialProxy(first._caller, 0, snapshot(again))
    assert second.params == {"x": x}
    assert second.suggest_float("x", 0, 1) == x
    second.report(1.0, 0)
    assert study.trials[0].intermediate_values == {0: 1.0}


def test_a_trial_that_is_over_is_told_so(begin: Begin, desk: Desk) -> None:
    proxy = begin()
    desk.dismiss("0")
    with pytest.raises(TrialOver):
        proxy.report(1.0, 1)


@pytest.mark.parametrize("place", [None, "127.0.0.1"])
def test_a_driver_that_is_gone(place: str | None) -> None:
    other = Desk(place)
    other.close()
    caller = Caller(other.address, "0")
    with pytest.raises(ExperimentError, match="cannot reach its driver"):
        caller.ask("should_prune")


def test_a_trial_that_suggests_without_end_keeps_nobody_out(begin: Begin, desk: Desk) -> None:
    proxy = begin()
    has_asked, enough = threading.Event(), threading.Event()

    def suggest() -> None:
        while not enough.is_set():
            proxy.suggest_float("x", 0, 1)
            has_asked.set()

    with ThreadPoolExecutor(1) as thread:
        suggesting = thread.submit(suggest)
        has_asked.wait()
        with desk.lock:
            enough.set()
        suggesting.result()


def test_a_trial_that_has_just_begun_is_waited_for_only_as_long_as_it_asks_at_once(begin: Begin, desk: Desk) -> None:
    proxy = begin()
    desk.attend("0")  # which says nothing
    proxy.suggest_float("x", 0, 1)
    desk.attend("0")


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


def connection(address: Address) -> socket.socket:
    """Return a connection to a desk of somebody who says nothing of what a trial would."""
    if isinstance(address, NetworkAddress):
        return socket.create_connection((address.host, address.port), 10)
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(10)
    link.connect(address.name)
    return link


def rest(link: socket.socket) -> bytes:
    """Return what a desk says until it hangs up."""
    with link.makefile("rb") as stream, suppress(ConnectionResetError):  # it has not read all that it was told
        return stream.read()
    return b""


JUNK = [b"\x00\xff\n", b"[]\n", b'{"trial": 3}\n', b'"text"\n', b'{"ask": "x"}\n', b"x" * 20_000_000]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
def test_who_does_not_speak_as_a_trial_is_hung_up_on(junk: bytes, desk: Desk, begin: Begin) -> None:
    with connection(desk.address) as stranger:
        with suppress(BrokenPipeError, ConnectionResetError):
            stranger.sendall(junk)
            stranger.shutdown(socket.SHUT_WR)
        assert b"value" not in rest(stranger)
    assert begin().suggest_int("n", 1, 1) == 1


def asked(key: str) -> bytes:
    return json.dumps({"trial": key, "ask": "should_prune", "arguments": {}}).encode() + b"\n"


@pytest.fixture
def port() -> Iterator[Desk]:
    """A desk for trials on other machines, which would answer whatever is asked as trial 0."""
    desk = Desk("127.0.0.1")
    shut_here(desk.address)
    desk.admit("0", lambda question, _: question)
    yield desk
    desk.close()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"challenge": "", "proof": ""},
        {"challenge": "é", "proof": "é"},
        {"challenge": 1, "proof": None},
        {"challenge": "a", "proof": "0" * 64},
    ],
)
def test_without_the_token_nothing_is_answered(said: dict[str, Any], port: Desk) -> None:
    assert isinstance(port.address, NetworkAddress)
    with connection(port.address) as stranger:
        stranger.sendall(json.dumps(said).encode() + b"\n" + asked("0"))
        answered = rest(stranger)
    assert answered.startswith(b'{"challenge": "')
    assert answered.count(b"\n") == 1


def test_neither_a_question_instead_of_a_proof_nor_anothers_proof_is_taken(port: Desk) -> None:
    assert isinstance(port.address, NetworkAddress)
    with connection(port.address) as stranger:
        stranger.sendall(asked("0"))
        assert rest(stranger).count(b"\n") == 1
    with connection(port.address) as stranger:
        challenge = json.loads(stranger.makefile("rb").readline())["challenge"]
        drivers = {"challenge": "a", "proof": proof(port.address.token, "driver", challenge, "a")}
        stranger.sendall(json.dumps(drivers).encode() + b"\n")
        assert rest(stranger) == b""


def test_a_token_is_not_shown(port: Desk) -> None:
    assert isinstance(port.address, NetworkAddress)
    assert "token" not in repr(port.address)
    other = Desk("127.0.0.1")
    assert isinstance(other.address, NetworkAddress)
    assert other.address.token != port.address.token
    other.close()


FALSE = [b"", b"{}\n", b"[1]\n", b"\xff\n", b'{"challenge": "a"}\n{"proof": "b"}\n', b"x" * 9999]


@pytest.mark.parametrize("spoken", FALSE, ids=range(len(FALSE)))
def test_a_trial_asks_nobody_who_is_not_its_driver(spoken: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:

        def pretend() -> bytes:
            link, _ = listener.accept()
            with link:
                with suppress(OSError):  # the trial may have hung up already
                    link.sendall(spoken)
                    link.shutdown(socket.SHUT_WR)
                return rest(link)

        heard = thread.submit(pretend)
        caller = Caller(NetworkAddress(*listener.getsockname(), b"the token"), "0")
        with pytest.raises(ExperimentError, match="cannot reach its driver at 127.0.0.1"):
            caller.ask("should_prune")
        assert b"should_prune" not in heard.result()
        assert b"the token" not in heard.result()


def test_strangers_do_not_crowd_out_trials(port: Desk) -> None:
    assert isinstance(port.address, NetworkAddress)
    with ExitStack() as stack:
        for _ in range(150):
            stranger = stack.enter_context(connection(port.address))
            stranger.recv(1)
        trial = Caller(port.address, "0")
        stack.callback(trial.close)
        assert trial.ask("anything") == "anything"


def test_a_connection_that_was_lost_is_made_again(desk: Desk, begin: Begin, study: optuna.Study) -> None:
    proxy = begin()
    proxy.report(1.0, 0)
    link = proxy._caller._link
    if link is None:
        pytest.skip("within a process there is none")
    link.shutdown(socket.SHUT_RDWR)
    proxy.report(2.0, 1)
    assert study.trials[0].intermediate_values == {0: 1.0, 1: 2.0}


@pytest.mark.parametrize(
    "place", ["203.0.113.1", "no.such.host.invalid", "0.0.0.0:0", "[::]:80", "127.0.0.1:x", ":80", ""]
)
def test_where_this_machine_cannot_listen_is_refused(place: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        NetworkDoor(place)
    assert "\n" not in str(caught.value)


OTHER_USER = """
import os, socket, sys
os.setuid(65534)
with socket.socket(socket.AF_UNIX) as link:
    link.settimeout(30)
    link.connect("\\0" + sys.argv[1])
    try:
        link.sendall(sys.stdin.buffer.read())
        print(link.recv(100))
    except (BrokenPipeError, ConnectionResetError):
        print(b"")
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can become another user")
def test_only_the_user_can_reach_the_desk() -> None:
    desk = Desk()
    desk.admit("0", lambda question, _: question)
    assert isinstance(desk.address, LocalAddress)
    with connection(desk.address) as own:
        own.sendall(asked("0"))
        assert own.recv(100) == b'{"value": "should_prune"}\n'
    other = subprocess.run(
        [sys.executable, "-c", OTHER_USER, desk.address.name[1:]], input=asked("0"), stdout=subprocess.PIPE, check=True
    )
    assert other.stdout == b"b''\n"
    desk.close()


def test_a_desk_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a driver that is killed leaves none."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    desk = Desk()
    assert list(tmp_path.iterdir()) == []
    desk.close()


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
