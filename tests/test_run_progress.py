"""Progress to the goal, as estimated from past states of a run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from adaptive_dask.run.progress import MAX_MOMENTS, UNKNOWN, ProgressHistory
from adaptive_dask.run.status import RunStatus

from .fakes import make_status

STARTED = 1000.0


def status(
    seconds: float, npoints: int = 0, loss: float = math.inf, goal: dict[str, Any] | None = None, **more: Any
) -> RunStatus:
    known = {"elapsed": seconds, "started": STARTED, "npoints": npoints, "loss": loss, "goal": goal}
    return make_status(**known | more)


def seen(history: ProgressHistory, seconds: float, npoints: int, loss: float = math.inf, goal: Any = None) -> RunStatus:
    now = status(seconds, npoints, loss, goal)
    history.note(now)
    return now


def test_the_time_of_a_goal_in_time_is_known_exactly() -> None:
    goal = {"time": STARTED + 100}
    assert ProgressHistory().outlook(status(25, goal=goal)) == (0.25, 75.0)
    assert ProgressHistory().outlook(status(130, goal=goal)) == (1.0, 0.0)


def test_points_are_expected_at_the_present_pace() -> None:
    history, goal = ProgressHistory(), {"npoints": 1000}
    assert history.outlook(seen(history, 0, 0, goal=goal))[0] == 0.0
    seen(history, 100, 100)  # slower before
    now = seen(history, 105, 200, goal=goal)
    assert history.pace(now) == pytest.approx(20)
    assert history.outlook(now) == pytest.approx((0.2, 40))


def test_a_cluster_says_itself_how_fast_it_is() -> None:
    now = status(1, 100, goal={"npoints": 300}, points_per_second=50.0)
    assert ProgressHistory().outlook(now) == pytest.approx((1 / 3, 4))


def test_more_points_than_wanted_are_all_of_the_way() -> None:
    assert ProgressHistory().outlook(status(1, 120, goal={"npoints": 100}, points_per_second=5.0)) == (1.0, 0.0)


@pytest.mark.parametrize("power", [1, 2])
def test_a_loss_is_expected_to_fall_on_as_a_power_of_the_points(power: int) -> None:
    history, goal = ProgressHistory(), {"loss": 1e-4**power}
    for second in range(1, 101):
        now = seen(history, second, 10 * second, (0.1 / second) ** power, goal)
    assert history.outlook(now) == pytest.approx((0.1, 900), rel=1e-6)


def test_a_loss_that_does_not_fall_tells_nothing() -> None:
    history, goal = ProgressHistory(), {"loss": 0.1}
    for second in range(1, 50):
        now = seen(history, second, second, 1.0, goal)
    assert all(map(math.isnan, history.outlook(now)))


@pytest.mark.parametrize("goal", [None, {}, {"loss": 0.0}, {"loss": 0.1}])
@pytest.mark.parametrize("loss", [math.inf, math.nan, 1.0])
def test_what_is_not_known_is_not_claimed(goal: Any, loss: float) -> None:
    history = ProgressHistory()
    assert all(map(math.isnan, UNKNOWN))
    assert math.isnan(history.outlook(seen(history, 1, 5, loss, goal)).seconds_left)


def test_the_pace_of_a_run_that_has_ended_is_its_average() -> None:
    assert ProgressHistory().pace(status(10, 50, ended=STARTED + 10, evaluated=40)) == 4.0


def test_a_long_history_is_thinned_out_and_keeps_its_beginning() -> None:
    history = ProgressHistory()
    for second in range(20 * MAX_MOMENTS):
        seen(history, second, second)
    assert MAX_MOMENTS / 4 < len(history.moments) <= MAX_MOMENTS
    assert history.moments[0].seconds == 0
    gaps = [b.seconds - a.seconds for a, b in zip(history.moments, history.moments[1:], strict=False)]
    assert max(gaps) < 0.02 * 20 * MAX_MOMENTS


def test_what_others_saw_of_a_run_that_was_joined_comes_first() -> None:
    history = ProgressHistory([(1.0, 10, 1.0), (100.0, 1000, 0.01)])
    for second in range(100, 110):
        now = seen(history, second, 10 * second, 1 / second, {"loss": 1e-3})
    assert history.moments[0] == (1.0, 10, 1.0)
    assert history.moments[-1].npoints == 1090
    assert history.outlook(now).share == pytest.approx(0.11, abs=0.02)
