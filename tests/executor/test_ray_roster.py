"""Who runs what on Ray's hosts: decisions, without any Ray."""

from __future__ import annotations

from typing import Any

import pytest

from orion.executor._core.future import Future
from orion.executor._core.options import TaskOptions
from orion.executor._ray.request import Request
from orion.executor._ray.roster import Assignment, Dismissal, Hiring, Member, Roster
from orion.executor.errors import OptionNotSupported
from tests.executor.manual import ManualExecutor

GPU = TaskOptions(gpus=1)


def submitted(roster: Roster, number: int, options: TaskOptions | None = None, *, first: bool = False) -> Future[Any]:
    future: Future[Any] = Future(ManualExecutor(1), number, b"", f"task {number}", options or TaskOptions())
    roster.enqueue(future, first=first)
    return future


def steps(roster: Roster, now: float = 0.0) -> list[Assignment | Hiring | Dismissal]:
    """Return all that is to be done now."""
    found = []
    while (step := roster.next_step(now)) is not None:
        found.append(step)
    return found


def hired(roster: Roster) -> list[Member]:
    """Return the hosts that are to be started now, ready."""
    members = [step.member for step in steps(roster) if isinstance(step, Hiring)]
    for member in members:
        roster.heard_of(member, 1000 + member.number, 0.0)
    return members


def begun(roster: Roster) -> list[tuple[int, int]]:
    """Return host and task of what is to begin now."""
    return [(step.member.number, step.future._id) for step in steps(roster) if isinstance(step, Assignment)]


def test_hosts_are_hired_as_there_is_work_and_no_more_than_workers() -> None:
    roster = Roster(2, 10.0)
    assert steps(roster) == []
    submitted(roster, 1)
    assert len(hired(roster)) == 1
    for number in range(2, 6):
        submitted(roster, number)
    assert begun(roster) == [(1, 1)]
    assert len(roster.members) == 2


def test_a_task_waits_for_a_host_that_is_ready() -> None:
    """So that it is lost with no host but the one that ran it."""
    roster = Roster(1, 10.0)
    submitted(roster, 1)
    (hiring,) = steps(roster)
    assert steps(roster) == []
    roster.heard_of(hiring.member, 7, 0.0)
    assert begun(roster) == [(1, 1)]


def test_a_host_runs_one_task_after_the_other_in_order() -> None:
    roster = Roster(1, 10.0)
    for number in (1, 2, 3):
        submitted(roster, number)
    (member,) = hired(roster)
    for number in (1, 2, 3):
        assert begun(roster) == [(1, number)]
        roster.ended(member, number, 0.0)


def test_what_a_task_submits_goes_before_all_else_and_runs_on_the_slot_it_lends() -> None:
    roster = Roster(1, 10.0)
    submitted(roster, 1)
    submitted(roster, 2)
    (member,) = hired(roster)
    assert begun(roster) == [(1, 1)]
    submitted(roster, 3, first=True)
    assert begun(roster) == []
    member.n_blocked = 1
    assert begun(roster) == [(1, 3)]
    assert set(roster.members) == {1}


def test_tasks_that_ask_for_other_resources_have_other_hosts() -> None:
    roster = Roster(2, 10.0)
    submitted(roster, 1)
    submitted(roster, 2, GPU)
    first, second = hired(roster)
    assert (first.request, second.request) == (Request(), Request(gpus=1.0))
    assert begun(roster) == [(1, 1), (2, 2)]


def test_an_idle_host_makes_room_for_another_kind() -> None:
    roster = Roster(1, 10.0)
    submitted(roster, 1)
    (member,) = hired(roster)
    begun(roster)
    submitted(roster, 2, GPU)
    submitted(roster, 3)
    assert steps(roster) == []
    roster.ended(member, 1, 0.0)
    dismissal, hiring = steps(roster)
    assert isinstance(dismissal, Dismissal), "a kind that came first, and has no host at all, must not starve"
    assert isinstance(hiring, Hiring)
    assert hiring.member.request.gpus == 1


def test_an_idle_host_in_the_way_of_one_that_does_not_come_up_is_dismissed() -> None:
    roster = Roster(2, 10.0)
    submitted(roster, 1)
    (member,) = hired(roster)
    begun(roster)
    roster.ended(member, 1, 0.0)
    submitted(roster, 2, GPU)
    assert isinstance(steps(roster)[0], Hiring)
    assert roster.dismiss_idle(0.5) is None
    assert roster.dismiss_idle(1.5) is member


def test_a_host_that_is_idle_for_long_is_dismissed() -> None:
    roster = Roster(1, 10.0)
    submitted(roster, 1)
    (member,) = hired(roster)
    begun(roster)
    assert roster.next_check(5.0) is None
    roster.ended(member, 1, 5.0)
    assert roster.next_check(6.0) == pytest.approx(9.0)
    assert roster.dismiss_idle(14.0) is None
    assert roster.dismiss_idle(15.0) is member
    assert roster.members == {}


def test_a_lost_host_returns_what_it_ran_and_what_that_submitted() -> None:
    roster = Roster(1, 10.0)
    future, other = submitted(roster, 1), submitted(roster, 2)
    (member,) = hired(roster)
    begun(roster)
    member.children[5] = other
    assert roster.lost(member) == ([future], [other])
    assert roster.where(future) is None
    assert roster.lost(member) == ([], [])
    assert not roster.hopeless


def test_hosts_that_end_before_they_are_ready_are_given_up() -> None:
    roster = Roster(1, 10.0)
    submitted(roster, 1)
    for _ in range(3):
        assert not roster.hopeless
        (hiring,) = steps(roster)
        roster.lost(hiring.member)
    assert roster.hopeless


def test_a_task_that_was_completed_meanwhile_does_not_begin() -> None:
    roster = Roster(1, 10.0)
    future = submitted(roster, 1)
    (member,) = hired(roster)
    future._order = 1
    assert begun(roster) == []
    assert member.idle


def test_what_no_node_has_is_refused_in_words() -> None:
    nodes = [{"CPU": 2.0, "memory": 4e9}, {"CPU": 1.0, "GPU": 1.0, "memory": 4e9}]
    Request(cpus=2).check(nodes, {})
    Request(gpus=0.5).check(nodes, {})
    with pytest.raises(OptionNotSupported, match="2 CPUs, 1 GPU, and no node"):
        Request(cpus=2, gpus=1).check(nodes, {})
    with pytest.raises(OptionNotSupported, match="1 tpu"):
        Request().check(nodes, {"tpu": 1})
    with pytest.raises(OptionNotSupported, match="not 1.5"):
        Request(gpus=1.5).check([{"CPU": 9, "GPU": 9}], {})


def test_hosts_that_do_not_come_up_are_doubted_now_and_then() -> None:
    """The node that they were for may have gone."""
    roster = Roster(2, 10.0)
    waiting = submitted(roster, 1, GPU)
    (hiring,) = steps(roster)
    assert roster.doubtful(14.0) == set()
    assert roster.next_check(14.0) == pytest.approx(1.0)
    assert roster.doubtful(15.0) == {Request(gpus=1.0)}
    assert roster.doubtful(16.0) == set()
    assert roster.abandon(Request(gpus=1.0)) == ([hiring.member], [waiting])
    assert roster.members == {}
    assert steps(roster) == []


def test_a_task_that_ends_while_it_waits_lends_its_slot_no_more() -> None:
    """One that is stopped cannot say that it waits no longer."""
    roster = Roster(1, 10.0)
    submitted(roster, 1)
    (member,) = hired(roster)
    assert begun(roster) == [(1, 1)]
    member.n_blocked = 1
    roster.ended(member, 1, 0.0)
    submitted(roster, 2)
    submitted(roster, 3)
    assert begun(roster) == [(1, 2)]
