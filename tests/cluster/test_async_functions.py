"""Functions that are asynchronous: many points at once on each evaluator."""

from __future__ import annotations

import asyncio

import pytest
from distributed import get_worker

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError

from ..patience import TIMEOUT, wait_until
from .conftest import assert_clean


def learner(function, bounds=(-1, 1)):
    return adaptive.Learner1D(function, bounds=bounds)


async def square(x):
    await asyncio.sleep(0.01)  # the function is slow
    return x**2


def test_results_and_thread_state(client):
    async def on_worker(x):
        await asyncio.sleep(0)
        return (x**2, float(get_worker().state.nthreads))

    data = adaptive.BlockingRunner(learner(on_worker), npoints_goal=200, executor=client).learner.data
    assert len(data) == 200
    assert all(tuple(y) == (x**2, 2.0) for x, y in data.items())


def test_learners_that_wrap_the_function(client):
    async def record(x):
        return {"y": x**2, "what": "more"}

    def saver(function):
        return adaptive.DataSaver(learner(function), arg_picker=lambda result: result["y"])

    many = adaptive.BalancingLearner([saver(record), saver(lambda x: {"y": x**2})])
    adaptive.BlockingRunner(many, npoints_goal=120, executor=client)
    for child in many.learners:
        assert child.npoints > 10
        assert all(y == x**2 for x, y in child.learner.data.items())
        assert set(child.extra_data) == set(child.learner.data)


def test_a_failure_is_that_of_its_point(client):
    async def fails(x):
        await asyncio.sleep(0)
        if x > 0:
            raise ArithmeticError(f"cannot do {x}")
        return x

    runner = adaptive.Runner(learner(fails), npoints_goal=30, on_error="skip", executor=client)
    runner.result(TIMEOUT)
    assert all(x <= 0 for x in runner.learner.data)
    assert all("cannot do" in failed.traceback_text and failed.point > 0 for failed in runner.failures)
    with pytest.raises(FunctionError, match="cannot do") as caught:
        adaptive.BlockingRunner(learner(fails), npoints_goal=30, executor=client)
    assert isinstance(caught.value.exception, ArithmeticError)
    assert "adaptive_dask" not in caught.value.traceback_text
    assert caught.value.worker in client.scheduler_info()["workers"]
    assert caught.value.worker in caught.value.log or "/" in caught.value.log


def test_a_worker_that_is_killed_loses_nothing(own_client, own_cluster, kill_worker):
    runner = adaptive.Runner(learner(square), npoints_goal=1500, executor=own_client)
    wait_until(lambda: runner.info().get("npoints", 0) > 200)
    kill_worker(0)
    data = runner.result(TIMEOUT).data
    assert len(data) == 1500
    assert all(y == x**2 for x, y in data.items())
    assert runner.failed == set()
    own_client.wait_for_workers(2, timeout=TIMEOUT)
    assert_clean(own_cluster)
