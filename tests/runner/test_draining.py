"""Points that are under way at the goal: what a run says of them, and for how long it waits; everywhere."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.run.draining import check_drain

from ..cluster.gate import Gate
from ..patience import TIMEOUT, wait_until

KINDS = ["threads", "coroutines", "cluster"]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Any:
    """What evaluates, and how it is told to."""
    if request.param == "cluster":
        with Client(
            processes=False, n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0", set_as_default=False
        ) as client:
            yield {"executor": client}, "function"
    elif request.param == "threads":
        with ThreadPoolExecutor(2) as threads:
            yield {"executor": threads}, "function"
    else:
        yield {"ntasks": 2}, "coroutine"


@pytest.fixture
def gate() -> Any:
    gate = Gate(lambda x: x == 1.0)
    yield gate
    gate.opened.set()


def start(place: Any, gate: Gate, **arguments: Any) -> adaptive.Runner:
    where, kind = place
    learner = adaptive.Learner1D(getattr(gate, kind), bounds=(-1, 1))
    return adaptive.Runner(learner, goal=lambda learner: learner.npoints > 5, **where, **arguments)


def test_a_run_that_drains_says_what_it_waits_for(place: Any, gate: Gate) -> None:
    runner = start(place, gate)
    wait_until(lambda: runner.info().get("status") == "draining")
    wait_until(lambda: "1 evaluation in flight when the goal was reached, at 1" in (runner.info()["waits_for"] or ""))
    assert "(drain=True)" in runner.info()["waits_for"]
    assert runner.status() == "running", "whoever waits for the end goes on waiting"
    assert not runner.done()
    gate.opened.set()
    assert 1.0 in runner.result(TIMEOUT).data
    assert runner.info()["status"] == runner.status() == "finished"
    assert runner.info()["waits_for"] is None


def test_the_wait_can_be_bounded(place: Any, gate: Gate) -> None:
    begin = time.monotonic()
    runner = start(place, gate, drain=0.3)
    assert 1.0 not in runner.result(TIMEOUT).data
    assert time.monotonic() - begin >= 0.3
    assert runner.status() == "finished"
    assert runner.learner.pending_points == set()


def test_a_run_that_drains_can_be_cancelled(place: Any, gate: Gate) -> None:
    runner = start(place, gate)
    wait_until(lambda: runner.info().get("status") == "draining")
    runner.cancel()
    assert runner.wait(TIMEOUT)
    assert runner.status() == "cancelled"


def test_what_drain_takes() -> None:
    assert [check_drain(value) for value in (True, False, 0, 2, timedelta(minutes=1))] == [float("inf"), 0, 0, 2, 60]
    for wrong in ("long", None, [1]):
        with pytest.raises(TypeError, match="drain must be a timedelta or a number of seconds, got"):
            check_drain(wrong)
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="drain must be 0 or more and finite, got"):
            check_drain(wrong)


def test_a_run_says_whose_evaluations_keep_its_executor_busy() -> None:
    gate = Gate()
    with ThreadPoolExecutor(2) as threads:
        first = adaptive.Runner(adaptive.Learner1D(gate.function, (-1, 1)), executor=threads, name="first")
        wait_until(lambda: gate.inside == 2)
        first.cancel()
        second = adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), npoints_goal=5, executor=threads)
        expected = "busy with evaluations: 2 of run 'first', 2 of them given up"
        wait_until(lambda: expected in (second.info()["waits_for"] or ""))
        wait_until(lambda: first.info()["hung"] == {"ThreadPoolExecutor": 2})
        gate.opened.set()
        second.result(TIMEOUT)
        assert second.info()["waits_for"] is None
        wait_until(lambda: first.info()["hung"] == {})
