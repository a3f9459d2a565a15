"""`simple` and `replay_log`: the same as any other run, in one thread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.runner.sequential import replay_log, simple

from ..fakes import CountingLearner, StrictLearner


def peak(x: float) -> float:
    return x + 0.01 / (0.01 + x * x)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which functions under test may move on."""
    now = [1000.0]
    monkeypatch.setattr("adaptive_dask.run.goals.time.time", lambda: now[0])
    monkeypatch.setattr("adaptive_dask.runner.sequential.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("points_per_ask", [1, 3, 7, 100])
def test_npoints_goal_is_exact(points_per_ask: int) -> None:
    learner = StrictLearner(peak)
    simple(learner, npoints_goal=20, points_per_ask=points_per_ask)
    assert learner.data == {x: peak(x) for x in range(20)}
    assert learner.pending_points == set()
    sizes = [call[1] for call in learner.calls if call[0] == "ask"]
    assert max(sizes) == min(points_per_ask, 20)


def test_loss_goal_ends_as_soon_as_it_is_reached() -> None:
    learner = Learner1D(peak, (-1, 1))
    simple(learner, loss_goal=0.05)
    assert learner.loss() <= 0.05
    shorter = learner.new()
    simple(shorter, npoints_goal=learner.npoints - 1)
    assert shorter.loss() > 0.05


def test_goal_function_and_position() -> None:
    learner = CountingLearner()
    simple(learner, lambda learner: learner.npoints >= 4)
    assert learner.npoints == 4


def test_duration_goal(clock: list[float]) -> None:
    def slow(x: int) -> float:
        clock[0] += 10.0
        return float(x)

    learner = CountingLearner(slow)
    simple(learner, duration_goal=timedelta(seconds=35))
    assert learner.npoints == 4
    assert learner.pending_points == set()


def test_end_time_goal(clock: list[float]) -> None:
    def slow(x: int) -> float:
        clock[0] += 10.0
        return float(x)

    learner = CountingLearner(slow)
    simple(learner, end_time_goal=datetime.fromtimestamp(1020.0, UTC))
    assert learner.npoints == 2


def test_a_learner_that_knows_when_it_is_done() -> None:
    class Decided(CountingLearner):
        def done(self) -> bool:
            return self.npoints == 3

    learner = Decided()
    simple(learner)
    assert learner.npoints == 3


def test_a_learner_without_more_points_ends_the_run() -> None:
    learner = CountingLearner(supply=3)
    simple(learner, npoints_goal=10)
    assert learner.npoints == 3


def test_a_goal_that_is_reached_already() -> None:
    learner = CountingLearner()
    learner.tell(9, 1.0)
    simple(learner, npoints_goal=1)
    assert learner.asked == 0


def test_a_run_goes_on_where_another_ended() -> None:
    once, twice = Learner1D(peak, (-1, 1)), Learner1D(peak, (-1, 1))
    simple(once, npoints_goal=30)
    simple(twice, npoints_goal=11)
    simple(twice, npoints_goal=30)
    assert dict(once.data) == dict(twice.data)


# ---- errors


def test_an_error_of_the_function_is_raised_as_it_is() -> None:
    error = ZeroDivisionError("here")

    def function(x: int) -> float:
        if x == 2:
            raise error
        return float(x)

    learner = CountingLearner(function)
    with pytest.raises(ZeroDivisionError) as caught:
        simple(learner, npoints_goal=5)
    assert caught.value is error
    assert learner.data == {0: 0.0, 1: 1.0}
    assert learner.pending_points == set()


def test_an_error_of_the_learner_is_raised_as_it_is() -> None:
    learner = CountingLearner()
    learner.ask_error = LookupError("no idea")
    with pytest.raises(LookupError) as caught:
        simple(learner, npoints_goal=5)
    assert caught.value is learner.ask_error


def test_a_value_that_the_learner_refuses_is_its_error() -> None:
    with pytest.raises(TypeError, match="not a number: 'text'"):
        simple(CountingLearner(lambda x: "text"), npoints_goal=5, points_per_ask=2)


def test_an_error_of_the_goal_is_raised_as_it_is() -> None:
    learner = CountingLearner()
    with pytest.raises(KeyError):
        simple(learner, lambda learner: learner.data[3])
    assert learner.pending_points == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "needs a goal"),
        ({"npoints_goal": 3, "loss_goal": 0.1}, "goal must be given by one"),
        ({"npoints_goal": 3, "points_per_ask": 0}, "points_per_ask"),
    ],
)
def test_bad_arguments_are_refused_before_anything_happens(arguments: dict[str, Any], words: str) -> None:
    learner = CountingLearner()
    with pytest.raises(ValueError, match=words):
        simple(learner, **arguments)
    assert learner.calls == []


# ---- the same every time


@pytest.mark.parametrize("points_per_ask", [1, 5])
def test_it_is_deterministic(points_per_ask: int) -> None:
    one, two = Learner1D(peak, (-1, 1)), Learner1D(peak, (-1, 1))
    for learner in (one, two):
        simple(learner, loss_goal=0.02, points_per_ask=points_per_ask)
    assert list(one.data.items()) == list(two.data.items())
    assert one.loss() == two.loss()


def test_replay_log_makes_the_calls_in_order() -> None:
    learner = CountingLearner()
    replay_log(learner, [("ask", 2), ("tell", 1, 5.0), ("tell_many", [0], [3.0]), ("remove_unfinished",)])
    assert learner.calls == [("ask", 2), ("tell", 1, 5.0), ("tell", 0, 3.0), ("remove_unfinished",)]
    assert learner.data == {1: 5.0, 0: 3.0}
