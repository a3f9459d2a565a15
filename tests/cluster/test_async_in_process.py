"""Asynchronous functions on workers in this process: how many at once, and what is left of them."""

from __future__ import annotations

import asyncio

import pytest
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster.worker_queue import MAX_ASYNC_POINTS

from ..patience import OPTIONS, TIMEOUT, until
from .gate import Gate
from .test_host import leases_of, run_of


def learner(function, bounds=(-1, 1)):
    return adaptive.Learner1D(function, bounds=bounds)


async def square(x):
    await asyncio.sleep(0.01)  # the function is slow
    return x**2


@gen_cluster(**OPTIONS)
async def test_each_worker_has_so_many_at_once(c, s, a, b):
    gate = Gate()
    runner = adaptive.Runner(learner(gate.coroutine), npoints_goal=300, executor=c)
    await until(lambda: gate.inside == 2 * MAX_ASYNC_POINTS)
    assert run_of(s, runner).assignments.places == 2 * MAX_ASYNC_POINTS
    gate.opened.set()
    assert (await runner.result(TIMEOUT)).npoints == 300
    assert gate.most >= 2 * MAX_ASYNC_POINTS


@pytest.mark.parametrize("ntasks", [1, 3, 100])
@gen_cluster(**OPTIONS)
async def test_ntasks_says_how_many_at_once(c, s, a, b, ntasks):
    gate = Gate()
    runner = adaptive.Runner(learner(gate.coroutine), npoints_goal=200, executor=c, ntasks=ntasks)
    await until(lambda: gate.inside == ntasks)
    gate.opened.set()
    assert (await runner.result(TIMEOUT)).npoints == 200
    assert gate.most == ntasks


@gen_cluster(**OPTIONS)
async def test_cancel_cancels_what_is_under_way_and_leaves_nothing(c, s, a, b):
    gate = Gate()
    runner = adaptive.Runner(learner(gate.coroutine), executor=c)
    await until(lambda: gate.inside >= MAX_ASYNC_POINTS)
    await runner.cancel()
    assert await runner.wait(TIMEOUT)
    await until(lambda: gate.inside == 0)
    assert gate.cancelled > 0
    await until(lambda: not s.tasks)
    await until(lambda: not [worker for worker in (a, b) if worker.plugins["adaptive-points"]._queues])
    # Dask's worker notices a moment later that the evaluators have ended.
    await until(lambda: not any(worker.state.executing_count for worker in (a, b)))


@gen_cluster(**OPTIONS)
async def test_leases_end_after_what_was_begun(c, s, a, b):
    with leases_of(0.05):
        runner = adaptive.Runner(learner(square), npoints_goal=400, executor=c)
        assert (await runner.result(TIMEOUT)).npoints == 400
    await until(lambda: not s.tasks)
