"""Points that vanish with their worker: they come again, until one is taken to be deadly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_dask.cluster.scheduler_assignments import Assignments, OutgoingPoint
from adaptive_dask.errors import WorkerLostError
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import MAX_DEADLY_POINTS, Failure, Session

from .fakes import StrictLearner

BROKEN = Failure("broken")


def session(goal: Goal | None = None, **settings: Any) -> Session:
    return Session(StrictLearner(), goal or Goal(), **settings)


def lose(run: Session, pid: int, times: int) -> list[int]:
    """Have a point lost and taken again, so many times."""
    failed: list[int] = []
    for _ in range(times):
        failed += run.lost([pid])
        run.take(1)
    return failed


def test_lost_points_are_the_next_to_be_taken_in_their_order() -> None:
    run = session()
    run.take(4)
    assert run.lost([2, 0]) == []
    assert run.points.in_flight == {1: 1, 3: 3}
    assert len(run.points.waiting) == 2
    assert run.take(3) == [(2, 2), (0, 0), (4, 4)]
    assert run.lost_count == run.blamed_count == 2
    run.lost([2, 0], blame=lambda pid: pid == 0)
    assert run.lost_count == 4
    assert run.blamed_count == 3


def test_lost_points_come_before_those_to_retry() -> None:
    run = session(retries=1)
    run.take(3)
    run.tell([(0, BROKEN)])
    run.lost([1, 2])
    assert [pid for pid, _ in run.take(3)] == [1, 2, 0]


def test_a_point_that_waits_already_is_not_queued_again() -> None:
    run = session()
    run.take(3)
    run.lost([1, 1])
    run.lost([1])
    assert run.lost_count == 1
    assert run.take(3) == [(1, 1), (3, 3), (4, 4)]


def test_an_outcome_that_comes_after_all_is_told_and_the_point_not_taken_again() -> None:
    run = session()
    run.take(2)
    run.lost([0])
    assert run.tell([(0, 5.0)]) == [(0, 5.0)]
    assert len(run.points.waiting) == 0
    assert run.take(1) == [(2, 2)], "room for one more is used at once"


def test_a_failure_that_comes_after_all_does_not_queue_the_point_twice() -> None:
    run = session(retries=2)
    run.take(1)
    run.lost([0])
    run.tell([(0, BROKEN)])
    assert run.book.to_retry == [(0, 1)]
    assert run.take(2) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_a_point_fails_after_allowed_failures(allowed: int) -> None:
    run = session(allowed_failures=allowed)
    run.take(1)
    assert lose(run, 0, allowed) == []
    assert run.lost([0]) == [0]
    assert run.book.failed == {0}
    assert run.lost_count == allowed + 1
    assert run.points.in_flight == {pid: x for pid, x in run.points.in_flight.items() if pid != 0}
    [(x, text)] = run.book.tracebacks
    assert x == 0
    assert str(allowed + 1) in text
    assert not run.done
    assert run.error is None, "the point fails, not the run"
    assert run.tell([(0, 1.0)]) == []


def test_only_points_to_blame_are_counted() -> None:
    run = session(allowed_failures=1)
    run.take(2)
    for _ in range(10):
        assert run.lost([0], blame=lambda pid: False) == []
        assert run.take(1) == [(0, 0)]
    assert run.lost([0, 1], blame={1}.__contains__) == []
    run.take(2)
    assert run.lost([0, 1], blame={1}.__contains__) == [1]
    assert run.lost_count == 14


def test_suspects_are_those_with_one_chance_left() -> None:
    run = session(allowed_failures=3)
    run.take(2)
    suspect = []
    for _ in range(3):
        run.lost([0])
        suspect.append(run.is_suspect(0))
        run.take(1)
    assert suspect == [False, True, True]
    assert not run.is_suspect(1)


def test_an_outcome_clears_a_suspect() -> None:
    run = session(allowed_failures=1)
    run.take(1)
    lose(run, 0, 1)
    assert run.is_suspect(0)
    run.tell([(0, 1.0)])
    assert not run.is_suspect(0)


def test_when_all_points_are_deadly_the_run_fails() -> None:
    run = session(allowed_failures=0)
    run.take(MAX_DEADLY_POINTS)
    for pid in range(MAX_DEADLY_POINTS):
        assert run.error is None
        run.lost([pid])
    assert isinstance(run.error, WorkerLostError)
    assert run.done


@pytest.mark.parametrize("outcome", [1.0, BROKEN], ids=["a value", "a failure"])
@pytest.mark.parametrize("ordered", [None, 10])
def test_when_anything_else_was_seen_of_the_function_it_goes_on(outcome: Any, ordered: int | None) -> None:
    run = session(allowed_failures=0, ordered=ordered, on_error="skip")
    run.take(10)
    run.tell([(9, outcome)])
    run.lost(range(9))
    assert run.error is None
    run.tell([])  # in order, the outcome can be told now
    assert run.book.failed == {*range(9)} | ({9} if outcome is BROKEN else set())


def test_deadly_points_after_the_end_do_not_fail_the_run() -> None:
    reached = [False]
    run = session(Goal(reached=lambda learner: reached[0]), allowed_failures=0)
    run.take(MAX_DEADLY_POINTS)
    reached[0] = True
    run.tell([])
    run.lost(range(MAX_DEADLY_POINTS))
    assert run.done
    assert run.error is None


@given(
    slots=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    deadly=st.sets(st.integers(0, 30), min_size=1, max_size=5),
    allowed=st.integers(2, 4),
    order=st.randoms(use_true_random=False),
)
def test_deadly_points_fail_alone(slots: list[int], deadly: set[int], allowed: int, order: Any) -> None:
    """Workers that die with what they have begun, as on a cluster: nobody else's point fails."""
    run, assignments = session(Goal(npoints=40), allowed_failures=allowed), Assignments()
    run.tell_from_elsewhere(-1, 0.0)  # something was seen of the function
    unsent: list[OutgoingPoint] = []
    for _ in range(1000):
        for worker, number in enumerate(slots):
            assignments.set_slots(str(worker), number)
        room = assignments.room(run.npoints, None) - len(unsent)
        unsent += [OutgoingPoint(pid, float(x), run.is_suspect(pid)) for pid, x in run.take(room)]
        unsent = assignments.assign(unsent)[1]
        worker = order.choice(sorted(worker for worker, load in assignments.loads.items() if load.ids))
        load = assignments.loads[worker]
        if not deadly.isdisjoint([run.points.in_flight[pid] for pid in list(load.ids)[: load.slots]]):
            ids, begun = assignments.drop(worker)
            run.lost(ids, blame=begun.__contains__)
        else:
            run.tell([(pid, 1.0) for pid in assignments.take_back(worker, [next(iter(load.ids))])])
        if run.done:
            break
    assert run.done
    assert run.error is None
    assert run.npoints == 40
    assert {x for x, _ in run.book.tracebacks} == deadly
