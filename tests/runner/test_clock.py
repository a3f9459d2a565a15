"""A clock on the wall that is set while a run goes on: what lasts, lasts as long as it should."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import cloudpickle
import pytest

import adaptive_dask as adaptive

from ..patience import TIMEOUT, wait_until

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # processes that evaluate cannot import the tests

JUMPS = [3600.0, -3600.0]

pytestmark = pytest.mark.long


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Sets the clock on the wall as this package sees it in this process, where scheduler and runners are.

    Dask sends no messages to workers for an hour when its own clock is set back by that.
    """
    ahead = [0.0]
    clock = SimpleNamespace(**{**vars(time), "time": lambda: time.time() + ahead[0]})
    for name, module in list(sys.modules.items()):
        if name.startswith("adaptive_dask.") and getattr(module, "time", None) is time:
            monkeypatch.setattr(module, "time", clock)
    yield lambda seconds: ahead.__setitem__(0, seconds)
    ahead[0] = 0.0


def learner() -> adaptive.Learner1D:
    return adaptive.Learner1D(_slowly, bounds=(-1, 1))


def _slowly(x: float) -> float:
    import time

    time.sleep(0.01)  # so that few points are many seconds
    return x**2


@pytest.mark.parametrize("jump", JUMPS)
def test_a_duration_is_what_was_asked_for(executor: Any, set_clock: Callable[[float], None], jump: float) -> None:
    begin = time.monotonic()
    runner = adaptive.Runner(learner(), duration_goal=1.0, executor=executor)
    wait_until(lambda: runner.info().get("evaluated"))
    set_clock(jump)
    assert 0 <= runner.elapsed_time() <= time.monotonic() - begin
    goal = runner.info()["goal"]["time"] - runner.info()["started"]
    assert goal == pytest.approx(1.0, abs=1e-3)
    runner.result(TIMEOUT)
    took = time.monotonic() - begin
    assert 1.0 <= took < TIMEOUT
    info = runner.info()
    assert 1.0 <= runner.elapsed_time() == info["elapsed"] <= took
    assert info["ended"] - info["started"] == pytest.approx(info["elapsed"])
    assert runner.end_time - info["started"] == pytest.approx(info["elapsed"])
    assert 0 < info["slot_seconds"] <= 16 * took
    set_clock(0.0)


@pytest.mark.parametrize("jump", JUMPS)
def test_without_a_goal_in_time_a_jump_is_no_matter(
    executor: Any, set_clock: Callable[[float], None], jump: float
) -> None:
    runner = adaptive.Runner(learner(), npoints_goal=60, executor=executor)
    wait_until(lambda: runner.info().get("evaluated"))
    set_clock(jump)
    assert runner.result(TIMEOUT).npoints == 60
    assert 0 <= runner.elapsed_time() < TIMEOUT
    set_clock(0.0)


def test_an_end_is_a_time_of_the_clock_on_the_wall(
    executor: Any, set_clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    end = datetime.fromtimestamp(time.time() + 1800, UTC)
    runner = adaptive.Runner(learner(), end_time_goal=end, executor=executor)
    wait_until(lambda: runner.info().get("evaluated"))
    set_clock(3600.0)
    runner.result(TIMEOUT)
    assert runner.status() == "finished"
    assert runner.elapsed_time() < TIMEOUT
    set_clock(0.0)


@pytest.mark.parametrize("jump", JUMPS)
def test_simple(set_clock: Callable[[float], None], jump: float) -> None:
    def function(x: float) -> float:
        set_clock(jump)
        return _slowly(x)

    begin = time.monotonic()
    adaptive.runner.simple(adaptive.Learner1D(function, bounds=(-1, 1)), duration_goal=0.2)
    assert 0.2 <= time.monotonic() - begin < TIMEOUT
    set_clock(0.0)
