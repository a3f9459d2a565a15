"""Arguments of runs that are refused before anything starts."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.run.options import RunOptions
from adaptive_dask.runner.task_options import check_task_options

from ..patience import TIMEOUT


async def asynchronous(*args: Any) -> bool:
    return True


class Asynchronous:
    async def __call__(self, *args: Any) -> bool:
        return True


@pytest.mark.parametrize("function", [asynchronous, Asynchronous()])
@pytest.mark.parametrize("name", ["goal", "on_error", "on_results"])
def test_coroutine_functions_whose_calls_would_do_nothing_are_refused(name: str, function: Any) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError, match=f"{name} must be a plain function"):
        adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), executor=pool, **{name: function})


def test_what_saves_a_learner_is_checked() -> None:
    with ThreadPoolExecutor(1) as pool:
        learner = adaptive.Learner1D(abs, (-1, 1))
        runner = adaptive.Runner(learner, npoints_goal=5, executor=pool)
        for method, message in ((asynchronous, "method must be a plain function"), (3, "method must be a function")):
            with pytest.raises(TypeError, match=message):
                runner.start_periodic_saving(method=method)
        with pytest.raises(TypeError, match="interval must be a timedelta or a number of seconds, got 'a'"):
            runner.start_periodic_saving({"fname": "file"}, interval="a")
        runner.result(TIMEOUT)
        with pytest.raises(ValueError, match="ys must have a value for each of 2 points, got 1"):
            runner.tell_many([0.1, 0.2], [1.0])
        arrived = threading.Event()
        runner.on_results(lambda learner, xs, ys: arrived.set())
        runner.tell(0.123, 1.0)
        assert arrived.wait(TIMEOUT)
        assert learner.data[0.123] == 1.0


def test_times_of_numpy_and_at_the_ends_of_the_calendar() -> None:
    adaptive.simple(adaptive.Learner1D(abs, (-1, 1)), duration_goal=np.timedelta64(10, "ms"))
    for duration in (np.timedelta64(-1, "s"), np.timedelta64("NaT", "s")):
        with pytest.raises(ValueError, match="duration_goal must be 0 or more and finite"):
            adaptive.simple(adaptive.Learner1D(abs, (-1, 1)), duration_goal=duration)
    with pytest.raises(ValueError, match="end_time_goal must be a time that the system clock can show"):
        adaptive.simple(adaptive.Learner1D(abs, (-1, 1)), end_time_goal=datetime.datetime.min)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"annotations": {5: 6}}, TypeError, "annotations must be a mapping with names as keys"),
        ({"resources": {5: 1}}, ValueError, "resources must be amounts by name"),
        ({"resources": {"GPU": float("nan")}}, ValueError, "resources must be amounts by name"),
    ],
)
def test_options_of_tasks(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        check_task_options(abs, RunOptions(**options))


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), 10**400, True, "1"])
def test_weights(weight: Any) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="weight must be a positive number"):
        adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), executor=pool, weight=weight)
