"""How far it is to the goal, of runs as they were seen."""

from __future__ import annotations

import math
from typing import Any

import pytest

from adaptive_dask.course import MOST, UNKNOWN, Course

STARTED = 1000.0


def summary(
    npoints: int = 0, loss: float = math.inf, goal: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {"started": STARTED, "ended": None, "npoints": npoints, "loss": loss, "goal": goal, **more}


def seen(course: Course, seconds: float, npoints: int, loss: float = math.inf, goal: Any = None) -> dict[str, Any]:
    """Look at a run."""
    now = summary(npoints, loss, goal)
    course.note(now, STARTED + seconds)
    return now


def test_the_time_of_a_goal_in_time_is_known_exactly() -> None:
    goal = {"time": STARTED + 100}
    assert Course().outlook(summary(goal=goal), STARTED + 25) == (0.25, 75.0)
    assert Course().outlook(summary(goal=goal), STARTED + 130) == (1.0, 0.0)


def test_points_are_expected_at_the_present_pace() -> None:
    course, goal = Course(), {"npoints": 1000}
    assert course.outlook(seen(course, 0, 0, goal=goal), STARTED)[0] == 0.0
    seen(course, 100, 100)  # slower before
    now = seen(course, 105, 200, goal=goal)
    assert course.pace(now) == pytest.approx(20)
    assert course.outlook(now, STARTED + 105) == pytest.approx((0.2, 40))


def test_a_cluster_says_itself_how_fast_it_is() -> None:
    now = summary(100, goal={"npoints": 300}, points_per_second=50.0)
    assert Course().outlook(now, STARTED + 1) == pytest.approx((1 / 3, 4))


def test_more_points_than_wanted_are_all_of_the_way() -> None:
    assert Course().outlook(summary(120, goal={"npoints": 100}, points_per_second=5.0), STARTED) == (1.0, 0.0)


@pytest.mark.parametrize("power", [1, 2])
def test_a_loss_is_expected_to_fall_on_as_a_power_of_the_points(power: int) -> None:
    course, goal = Course(), {"loss": 1e-4**power}
    for second in range(1, 101):
        now = seen(course, second, 10 * second, (0.1 / second) ** power, goal)
    assert course.outlook(now, STARTED + 100) == pytest.approx((0.1, 900), rel=1e-6)


def test_a_loss_that_does_not_fall_tells_nothing() -> None:
    course, goal = Course(), {"loss": 0.1}
    for second in range(1, 50):
        now = seen(course, second, second, 1.0, goal)
    assert all(map(math.isnan, course.outlook(now, STARTED + 50)))


@pytest.mark.parametrize("goal", [None, {}, {"loss": 0.0}, {"loss": 0.1}])
@pytest.mark.parametrize("loss", [math.inf, math.nan, 1.0])
def test_what_is_not_known_is_not_claimed(goal: Any, loss: float) -> None:
    course = Course()
    assert all(map(math.isnan, UNKNOWN))
    assert math.isnan(course.outlook(seen(course, 1, 5, loss, goal), STARTED + 1).seconds_left)


def test_the_pace_of_a_run_that_has_ended_is_its_average() -> None:
    assert Course().pace(summary(50) | {"ended": STARTED + 10, "evaluated": 40}) == 4.0


def test_a_long_course_is_thinned_out_and_keeps_its_beginning() -> None:
    course = Course()
    for second in range(20 * MOST):
        seen(course, second, second)
    assert MOST / 4 < len(course.moments) <= MOST
    assert course.moments[0].seconds == 0
    gaps = [b.seconds - a.seconds for a, b in zip(course.moments, course.moments[1:], strict=False)]
    assert max(gaps) < 0.02 * 20 * MOST


def test_what_others_saw_of_a_run_that_was_joined_comes_first() -> None:
    course = Course([(1.0, 10, 1.0), (100.0, 1000, 0.01)])
    for second in range(100, 110):
        now = seen(course, second, 10 * second, 1 / second, {"loss": 1e-3})
    assert course.moments[0] == (1.0, 10, 1.0)
    assert course.moments[-1].npoints == 1090
    assert course.outlook(now, STARTED + 110).share == pytest.approx(0.11, abs=0.02)
