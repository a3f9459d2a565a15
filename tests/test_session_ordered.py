"""With `ordered=k` the points do not depend on when outcomes come, fail or get lost."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.goals import Goal, LossGoal
from adaptive_dask.run.session import Session

from .fakes import CountingLearner, StrictLearner


def peak(x: float) -> float:
    return x + 0.01 / (0.01 + (x - 0.3) ** 2)


class Weather:
    """What befalls points, by their id only; when is up to the driver."""

    def __init__(self, failing: int, fails: int, lost: int, deadly: set[int]) -> None:
        self.failing = failing  # every so-manieth point fails
        self.fails = fails  # so often
        self.lost = lost  # each point is lost so often at most
        self.deadly = deadly


def drive(session: Session, seed: int, weather: Weather) -> Session:
    """Bring outcomes in a random order, in random groups."""
    chance = random.Random(seed)
    out: dict[int, Any] = {}
    tries: dict[int, int] = {}
    losses: dict[int, int] = {}
    while not session.done:
        out.update(session.take(chance.randint(0, 5)))
        some = chance.sample(sorted(out), chance.randint(0, len(out)))
        outcomes: list[tuple[int, Any]] = []
        gone: list[int] = []
        for pid in some:
            x = out.pop(pid)
            if pid in weather.deadly or (losses.get(pid, 0) < weather.lost and chance.random() < 0.3):
                losses[pid] = losses.get(pid, 0) + 1
                gone.append(pid)
                continue
            tries[pid] = tries.get(pid, 0) + 1
            # Without the bounds the loss stays infinite, and a loss goal would never be reached.
            fails = abs(x) < 1 and pid % weather.failing == 0 and tries[pid] <= weather.fails
            outcomes.append((pid, Failure("failed") if fails else peak(x)))
        if chance.random() < 0.5:
            session.lost(gone)
            session.tell(outcomes)
        else:
            session.tell(outcomes)
            session.lost(gone)
            session.tell([])
    return session


@given(
    width=st.integers(1, 7),
    seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
    failing=st.integers(2, 9),
    fails=st.integers(0, 3),
    retries=st.integers(0, 2),
    lost=st.integers(0, 2),
    deadly=st.sets(st.integers(3, 40), max_size=4),
    by_loss=st.booleans(),
)
def test_the_same_calls_whatever_the_order_of_outcomes(
    width: int,
    seeds: tuple[int, int],
    failing: int,
    fails: int,
    retries: int,
    lost: int,
    deadly: set[int],
    by_loss: bool,
) -> None:
    def run(seed: int) -> Session:
        session = Session(
            Learner1D(peak, (-1, 1)),
            Goal(reached=LossGoal(0.2)) if by_loss else Goal(npoints=30),
            retries=retries,
            on_error="skip",
            allowed_failures=2,
            ordered=width,
            log=True,
        )
        return drive(session, seed, Weather(failing, fails, lost, deadly))

    one, two = map(run, seeds)
    assert one.log == two.log
    assert list(one.learner.data.items()) == list(two.learner.data.items())
    assert one.learner.loss() == two.learner.loss()


def test_outcomes_wait_for_their_turn() -> None:
    session = Session(CountingLearner(), Goal(), ordered=3)
    assert session.take(9) == [(0, 0), (1, 1), (2, 2)]
    assert session.tell([(2, 2.0), (1, 1.0)]) == []
    assert session.take(9) == [], "three points are out"
    assert session.tell([(0, 0.0)]) == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert session.learner.calls == [
        ("ask", 3),
        ("tell", 0, 0.0),
        ("ask", 1),
        ("tell", 1, 1.0),
        ("ask", 1),
        ("tell", 2, 2.0),
        ("ask", 1),
    ]
    assert session.take(9) == [(3, 3), (4, 4), (5, 5)]


def test_fewer_may_be_taken_than_are_asked_for() -> None:
    session = Session(CountingLearner(), Goal(), ordered=4)
    assert session.take(1) == [(0, 0)]
    assert session.learner.calls == [("ask", 4)]
    assert len(session.points.waiting) == 3
    assert session.take(2) == [(1, 1), (2, 2)]
    assert session.learner.calls == [("ask", 4)]


def test_an_outcome_that_waits_for_its_turn_is_neither_in_flight_nor_lost() -> None:
    session = Session(StrictLearner(), Goal(), ordered=2, allowed_failures=0)
    session.take(2)
    session.tell([(1, 1.0)])
    assert session.points.in_flight == {0: 0}
    assert session.lost([1]) == []
    assert session.take(2) == []
    assert session.tell([(0, 0.0)]) == [(0, 0.0), (1, 1.0)]


def test_the_first_outcome_counts() -> None:
    session = Session(StrictLearner(), Goal(), ordered=2)
    session.take(2)
    session.tell([(1, 1.0)])
    session.tell([(1, Failure("late")), (1, 7.0)])
    assert session.tell([(0, 0.0)]) == [(0, 0.0), (1, 1.0)]
    assert session.error is None


def test_an_outcome_that_comes_after_a_loss_takes_the_point_from_the_queue() -> None:
    session = Session(StrictLearner(), Goal(), ordered=2)
    session.take(2)
    session.lost([1])
    session.tell([(1, 1.0)])
    assert len(session.points.waiting) == 0
    assert session.take(2) == []


def test_a_failed_point_gives_its_place_to_another() -> None:
    session = Session(StrictLearner(), Goal(), ordered=2, on_error="skip")
    session.take(2)
    session.tell([(0, Failure("failed"))])
    assert session.take(2) == [(2, 2)]
    assert session.tell([(2, 2.0), (1, 1.0)]) == [(1, 1.0), (2, 2.0)]


def test_outcomes_behind_a_deadly_point_are_told() -> None:
    session = Session(StrictLearner(), Goal(), ordered=2, allowed_failures=0)
    session.take(2)
    session.tell([(1, 1.0)])
    session.lost([0])
    assert session.tell([]) == [(1, 1.0)]
    assert session.take(2) == [(2, 2), (3, 3)]


@pytest.mark.parametrize("width", [1, 3, 8])
def test_npoints_goal_is_exact(width: int) -> None:
    session = Session(StrictLearner(peak), Goal(npoints=20), ordered=width, on_error="skip")
    drive(session, 1, Weather(failing=4, fails=1, lost=1, deadly=set()))
    assert session.npoints == 20
    assert len(session.points.unresolved) == 0


def test_after_the_goal_nothing_more_is_told() -> None:
    session = Session(StrictLearner(), Goal(reached=LossGoal(0.5)), ordered=3)
    session.take(3)
    assert session.tell([(0, 0.0), (1, 1.0)]) == [(0, 0.0)]
    assert session.done
    assert session.tell([(2, 2.0)]) == []
    assert session.npoints == 1


def test_a_learner_without_more_points_ends_the_run() -> None:
    session = Session(StrictLearner(supply=3), Goal(), ordered=2)
    drive(session, 3, Weather(failing=100, fails=0, lost=1, deadly=set()))
    assert session.npoints == 3
    assert session.error is None


def test_a_point_that_fails_early_is_replaced_when_its_turn_has_come() -> None:
    session = Session(StrictLearner(), Goal(npoints=3), ordered=5, allowed_failures=0)
    assert [pid for pid, _ in session.take(5)] == [0, 1, 2]
    session.tell([(1, 1.0)])
    session.lost([2])
    assert session.take(5) == [], "what is asked now would depend on when the point failed"
    session.tell([(0, 0.0)])
    assert session.take(5) == [(3, 3)]
    session.tell([(3, 3.0)])
    assert session.done
    assert session.npoints == 3
