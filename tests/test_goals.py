"""What counts as a goal, and when it is reached."""

from __future__ import annotations

import math
import pickle
import time
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from adaptive_dask.run.goals import Goal, LossGoal, auto_goal, is_done, make_goal, stop_after

from .fakes import CountingLearner


class DecidedLearner(CountingLearner):
    """Knows when it is done."""

    def done(self) -> bool:
        return self.npoints >= 2


def learner_with(npoints: int, kind: type[CountingLearner] = CountingLearner) -> CountingLearner:
    learner = kind()
    learner.tell_many(range(npoints), range(npoints))
    return learner


def test_a_function_of_the_learner() -> None:
    goal = make_goal(None, lambda learner: learner.npoints > 1)
    assert not goal.is_reached(learner_with(1))
    assert goal.is_reached(learner_with(2))
    assert goal.time_left(100.0) is None


def test_what_a_function_returns_is_taken_as_true_or_false() -> None:
    assert make_goal(None, lambda learner: np.True_).is_reached(None) is True
    assert make_goal(None, lambda learner: []).is_reached(None) is False


@pytest.mark.parametrize("loss_goal", [0.25, Fraction(1, 4), np.float64(0.25), np.float32(0.25)])
def test_loss_goal(loss_goal: Any) -> None:
    goal = make_goal(None, loss_goal=loss_goal)
    assert goal.reached == LossGoal(0.25)
    assert not goal.is_reached(learner_with(2))
    assert goal.is_reached(learner_with(3)), "reached when the loss equals it"


def test_a_loss_that_is_nan_reaches_no_goal() -> None:
    learner = CountingLearner()
    learner.loss = lambda real=True: math.nan  # type: ignore[method-assign]
    assert not make_goal(None, loss_goal=math.inf).is_reached(learner)


@pytest.mark.parametrize("npoints_goal", [3, np.int64(3)])
def test_npoints_goal(npoints_goal: int) -> None:
    goal = make_goal(None, npoints_goal=npoints_goal)
    assert goal.npoints == 3
    assert type(goal.npoints) is int
    assert not goal.is_reached(learner_with(2))
    assert goal.is_reached(learner_with(3))
    assert goal.is_reached(learner_with(4))


def test_zero_is_a_goal() -> None:
    assert make_goal(None, npoints_goal=0).is_reached(learner_with(0))
    assert make_goal(None, duration_goal=0).duration == 0.0
    assert make_goal(None, loss_goal=0).reached == LossGoal(0.0)


def test_end_time_goal_is_local_time() -> None:
    end = datetime(2031, 5, 6, 7, 8, 9)
    goal = make_goal(None, end_time_goal=end)
    assert goal.end_time == time.mktime(end.timetuple())
    assert goal.time_left(1e9) == pytest.approx(goal.end_time - time.time(), abs=60)
    assert not goal.is_reached(learner_with(9)), "time is the driver's"


def test_end_time_goal_with_a_time_zone() -> None:
    utc = datetime(2031, 5, 6, 12, tzinfo=UTC)
    elsewhere = utc.astimezone(timezone(timedelta(hours=-7)))
    assert make_goal(None, end_time_goal=utc) == make_goal(None, end_time_goal=elsewhere)
    assert make_goal(None, end_time_goal=utc).end_time == utc.timestamp()


@pytest.mark.parametrize("duration", [90, 90.0, np.float64(90), timedelta(minutes=1, seconds=30)])
def test_duration_goal(duration: Any) -> None:
    goal = make_goal(None, duration_goal=duration)
    assert goal.duration == 90.0
    assert goal.time_left(20.0) == 70.0
    assert goal.in_numbers(None, 1000.0) == goal.in_numbers(None, 1000.0, 80.0) == {"time": 1090.0}


def test_a_learner_may_decide_itself() -> None:
    goal = make_goal(DecidedLearner())
    assert goal.reached is is_done
    assert not goal.is_reached(learner_with(1, DecidedLearner))
    assert goal.is_reached(learner_with(2, DecidedLearner))
    assert make_goal(DecidedLearner(), allow_running_forever=False) == goal


def test_a_goal_that_is_given_comes_before_the_learners_own() -> None:
    assert make_goal(DecidedLearner(), npoints_goal=7) == Goal(npoints=7)


def test_no_goal_at_all() -> None:
    goal = make_goal(CountingLearner())
    assert goal == Goal()
    assert not goal.is_reached(learner_with(100))
    assert goal.time_left(0.0) is None
    with pytest.raises(ValueError, match="needs a goal"):
        make_goal(CountingLearner(), allow_running_forever=False)


def test_an_attribute_named_done_that_is_no_method_is_no_goal() -> None:
    learner = CountingLearner()
    learner.done = False  # type: ignore[attr-defined]
    assert make_goal(learner) == Goal()


@pytest.mark.parametrize(
    "goals",
    [
        {"loss_goal": 0.1, "npoints_goal": 10},
        {"goal": is_done, "duration_goal": 1},
        {"npoints_goal": 0, "loss_goal": 0.0},
        {"end_time_goal": datetime(2031, 1, 1), "duration_goal": 1, "loss_goal": 1.0},
    ],
)
def test_more_than_one_goal_is_refused_by_name(goals: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="goal must be given by one") as caught:
        make_goal(None, **goals)
    assert all(name in str(caught.value) for name in goals)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("goal", 0.01),
        ("goal", "loss"),
        ("loss_goal", "0.1"),
        ("loss_goal", 1j),
        ("loss_goal", True),
        ("loss_goal", [0.1]),
        ("npoints_goal", 10.0),
        ("npoints_goal", "10"),
        ("npoints_goal", True),
        ("npoints_goal", math.nan),
        ("end_time_goal", 1e9),
        ("end_time_goal", timedelta(seconds=1)),
        ("end_time_goal", date(2031, 1, 1)),
        ("end_time_goal", "2031-01-01"),
        ("duration_goal", "1 min"),
        ("duration_goal", datetime(2031, 1, 1)),
        ("duration_goal", True),
    ],
)
def test_a_wrong_type_is_refused(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be .*, got"):
        make_goal(None, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss_goal", math.nan),
        ("loss_goal", np.float64("nan")),
        ("npoints_goal", -1),
        ("duration_goal", -0.5),
        ("duration_goal", timedelta(seconds=-1)),
        ("duration_goal", math.nan),
        ("duration_goal", math.inf),
    ],
)
def test_a_goal_without_sense_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*, got"):
        make_goal(None, **{name: value})


@pytest.mark.parametrize("argument", [{"loss_goal": 0.1}, {"npoints_goal": 3}, {"duration_goal": 2}, {"goal": is_done}])
def test_goals_travel(argument: dict[str, Any]) -> None:
    goal = make_goal(None, **argument)
    assert pickle.loads(pickle.dumps(goal)) == goal


# ---- goals as functions


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set, of all clocks."""
    now = [1000.0]
    monkeypatch.setattr("adaptive_dask.run.goals.time.time", lambda: now[0])
    monkeypatch.setattr("adaptive_dask.run.goals.time.monotonic", lambda: now[0])
    return now


def test_auto_goal_of_learners_state() -> None:
    assert [auto_goal(npoints=2)(learner_with(n)) for n in (1, 2)] == [False, True]
    assert [auto_goal(loss=0.5)(learner_with(n)) for n in (0, 1)] == [False, True]
    decided = auto_goal(learner=DecidedLearner())
    assert [decided(learner_with(n, DecidedLearner)) for n in (1, 2)] == [False, True]


def test_auto_goal_of_time(clock: list[float]) -> None:
    by_duration = auto_goal(duration=timedelta(seconds=5))
    by_end = auto_goal(end_time=datetime.fromtimestamp(1005.0, UTC))
    for seconds, reached in [(0.0, False), (4.9, False), (5.0, True)]:
        clock[0] = 1000.0 + seconds
        assert by_duration(None) is by_end(None) is reached


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_duration_does_not_care_for_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
    goal = auto_goal(duration=60)
    wall = time.time
    monkeypatch.setattr("adaptive_dask.run.goals.time.time", lambda: wall() + jump)
    assert not goal(None)
    end = datetime.fromtimestamp(wall() + 60, UTC)
    assert auto_goal(end_time=end)(None) is (jump > 0), "the end is a time of that clock"


def test_the_time_of_a_goal_goes_on_where_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    goal = stop_after(seconds=10)
    monotonic = time.monotonic
    monkeypatch.setattr("adaptive_dask.run.goals.time.monotonic", lambda: monotonic() + 6)
    sent = pickle.dumps(goal)
    monkeypatch.setattr("adaptive_dask.run.goals.time.monotonic", lambda: monotonic() - 1e6)  # of another machine
    there = pickle.loads(sent)
    assert not there(None)
    monkeypatch.setattr("adaptive_dask.run.goals.time.monotonic", lambda: monotonic() - 1e6 + 3.5)
    assert not there(None)
    monkeypatch.setattr("adaptive_dask.run.goals.time.monotonic", lambda: monotonic() - 1e6 + 4.5)
    assert there(None)


def test_auto_goal_without_a_goal() -> None:
    assert auto_goal()(learner_with(100)) is False
    with pytest.raises(ValueError, match="needs a goal"):
        auto_goal(allow_running_forever=False)
    with pytest.raises(ValueError, match="goal must be given by one"):
        auto_goal(loss=0.1, npoints=3)


def test_stop_after(clock: list[float]) -> None:
    goal = stop_after(hours=1, minutes=2, seconds=3)
    clock[0] += 3722.9
    assert not goal(None)
    clock[0] += 0.1
    assert goal(None)
