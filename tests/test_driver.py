"""A driver: one step after the other, requests between them, and the numbers that describe it."""

from __future__ import annotations

import math
from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, LearnerError
from adaptive_dask.run.driver import Arrivals, Driver
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.goals import Goal

from .fakes import CountingLearner


class Closing:
    """A checkpoint that cannot begin."""

    def __init__(self) -> None:
        self.is_closed = False

    def begin(self, learner: Any, functions: list[bytes]) -> Any:
        raise OSError("no disk")

    def close(self) -> None:
        self.is_closed = True


def arrive(driver: Driver, room: int) -> Arrivals:
    return Arrivals(outcomes=[(pid, float(pid)) for pid, _ in driver.take(room)])


def test_steps_lead_to_the_goal() -> None:
    driver = Driver(CountingLearner(), Goal(npoints=5))
    while not driver.done:
        told = driver.tell(arrive(driver, 2))
        assert told
    driver.finish()
    driver.take(0)
    numbers = driver.numbers(100.0, 3.0)
    assert numbers["npoints"] == driver.npoints == 5
    assert numbers["goal"] == {"npoints": 5}
    assert numbers["checkpoint"] is None
    assert numbers["learner_seconds"] == driver.seconds > 0


def test_points_come_back_in_every_way() -> None:
    driver = Driver(CountingLearner(), Goal(), allowed_failures=0, on_error="skip")
    ids = [pid for pid, _ in driver.take(4)]
    driver.tell(Arrivals(outcomes=[(ids[3], 1.0)]))
    arrivals = Arrivals(returned=[ids[0]], lost=ids[1:3], blamed={ids[2]})
    driver.tell(arrivals)
    assert arrivals.failed == [ids[2]]
    assert sorted(pid for pid, _ in driver.take(2)) == ids[:2]
    assert driver.troubles == (1, 0, 0, 1)


def test_points_without_a_value_are_counted_until_they_are_forgotten() -> None:
    driver = Driver(adaptive.SequenceLearner(abs, range(4)), Goal())
    (first, point), (second, _), *_ = driver.take(4)
    driver.tell(Arrivals(outcomes=[(first, adaptive.Infeasible("no")), (second, 1)]))
    driver.look(force=True)
    numbers = driver.numbers(100.0, 3.0)
    assert (numbers["infeasible"], numbers["failed"]) == (1, 0)
    driver.call(lambda learner: learner.forget_failures())
    assert driver.numbers(100.0, 3.0)["infeasible"] == 0
    driver.tell_from_elsewhere([(point, adaptive.Infeasible("no"))])
    assert driver.infeasible == 1


def test_learners_that_do_not_say_where_they_have_no_value_have_none() -> None:
    class Broken(CountingLearner):
        @property
        def infeasible(self) -> Any:
            raise RuntimeError("of the user")

    assert Driver(Broken(), Goal()).infeasible == 0


def test_the_goal_is_computed_only_when_something_arrived() -> None:
    calls = []

    def goal(learner: Any) -> bool:
        calls.append(learner)
        return False

    driver = Driver(CountingLearner(), Goal(reached=goal))
    calls.clear()
    driver.tell(Arrivals())
    assert not calls
    driver.tell(arrive(driver, 1))
    assert len(calls) == 1


def test_in_order_a_point_that_is_dropped_lets_others_be_told() -> None:
    driver = Driver(CountingLearner(), Goal(), ordered=2)
    (first, _), (second, _) = driver.take(2)
    assert driver.tell(Arrivals(outcomes=[(second, 2.0)])) == []
    assert [pid for pid, _ in driver.drop([first], [])] == [first]
    assert [y for _, y in driver.tell(Arrivals())] == [2.0]


def test_no_points_are_taken_when_the_time_is_up() -> None:
    driver = Driver(CountingLearner(), Goal(duration=10.0))
    assert driver.goal.next_check(2.0) == 5.0
    assert driver.goal.next_check(8.0) == 2.0
    assert not driver.goal.is_time_up(9.9)
    assert driver.goal.is_time_up(10.0)
    driver.time_is_up = True
    assert driver.done
    assert driver.take(3) == []


def test_results_from_elsewhere_are_told_but_for_those_that_the_learner_refuses() -> None:
    driver = Driver(CountingLearner(), Goal())
    told, error = driver.tell_from_elsewhere([(100, 1.0), (101, "no number"), (102, 2.0)])
    assert told == [(100, 1.0), (102, 2.0)]
    assert isinstance(error, Exception)
    assert driver.npoints == 2


@pytest.mark.parametrize("is_over", [False, True])
def test_a_run_at_its_end_takes_no_other_goal(is_over: bool) -> None:
    driver = Driver(CountingLearner(), Goal(npoints=0 if not is_over else 9))
    with pytest.raises(AdaptiveError, match="Start a new run"):
        driver.set_goal(Goal(npoints=3), "scan", is_over=is_over)


def test_another_goal_is_in_the_numbers() -> None:
    driver = Driver(CountingLearner(), Goal(npoints=9))
    driver.set_goal(Goal(npoints=3), "scan", is_over=False)
    assert driver.numbers(0.0, 0.0)["goal"] == {"npoints": 3}
    driver.tell(arrive(driver, 5))
    assert driver.npoints == 3
    assert driver.done


def test_a_call_that_raises_updates_the_numbers_all_the_same() -> None:
    def tell_and_raise(learner: Any) -> None:
        learner.tell(50, 1.0)
        raise SystemExit(3)

    driver = Driver(CountingLearner(), Goal())
    with pytest.raises(Exception, match="SystemExit"):
        driver.call(tell_and_raise)
    assert driver.npoints == 1


def test_failures_are_in_the_details() -> None:
    driver = Driver(CountingLearner(), Goal(), on_error="skip", log=True)
    ((pid, x),) = driver.take(1)
    driver.tell(Arrivals(outcomes=[(pid, Failure("broken"))]))
    details = driver.inspect()
    assert details["failed"] == {pid}
    assert details["tracebacks"] == [(x, "broken")]
    assert details["log"] == [("ask", 1)]
    assert driver.inspect(log_from=1)["log"] == []


def test_a_checkpoint_is_closed_when_the_session_cannot_begin() -> None:
    checkpoint: Any = Closing()
    with pytest.raises(OSError, match="no disk"):
        Driver(CountingLearner(), Goal(), checkpoint)
    assert checkpoint.is_closed


def test_a_goal_that_raises_at_once_is_raised() -> None:
    with pytest.raises(LearnerError, match="goal"):
        Driver(CountingLearner(), Goal(reached=lambda learner: 1 / 0))


def test_draining_names_the_points_in_flight() -> None:
    driver = Driver(CountingLearner(), Goal(), drain=math.inf)
    ids = [pid for pid, _ in driver.take(5)]
    driver.draining.begin()
    driver.note_draining(ids)
    assert "5 evaluations" in str(driver.draining.describe())
    driver.draining.end()
