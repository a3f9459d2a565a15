"""Runs that end give their threads back, and runs that wait say for whom."""

from __future__ import annotations

import asyncio

import dask
import pytest
from distributed import LocalCluster
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_slots
from adaptive_dask.cluster.client import request
from adaptive_dask.cluster.protocol import Route
from adaptive_dask.errors import FunctionError, RunNotFoundError, WorkerLostError
from adaptive_dask.runner import cluster as runner_cluster

from ..patience import OPTIONS, TIMEOUT, until
from .gate import Gate
from .test_given_up import assert_clean, learner


def square(x):
    return x**2


@pytest.mark.parametrize("end", ["cancel", "fail", "goal"])
@gen_cluster(**OPTIONS)
async def test_the_next_run_has_all_threads(c, s, a, b, end):
    gate = Gate(lambda x: end == "cancel" or x == -1.0)

    def function(x, inner=gate.function, fails=end == "fail"):
        if fails and abs(x) < 1:
            raise ArithmeticError("later")
        return inner(x)

    goals = {"goal": {"goal": lambda learner: learner.npoints > 3, "drain": False}}
    runner = adaptive.Runner(learner(function), executor=c, name="first", **goals.get(end, {}))
    await until(lambda: gate.inside == 4 or end != "cancel")
    if end == "cancel":
        await runner.cancel()
    if end == "fail":
        with pytest.raises(FunctionError):
            await runner.task
    else:
        await runner.wait(TIMEOUT)
    assert gate.inside > 0, "it cannot be interrupted"
    successor = adaptive.Runner(learner(square), executor=c, npoints_goal=300, name="second", ntasks=8)
    await until(lambda: successor.info().get("slots") == 4 or successor.done())
    assert (await successor.result(TIMEOUT)).npoints == 300
    first = next(run for run in await adaptive.runs(c) if run["name"] == "first")
    assert sum(first["hung"].values()) == gate.inside
    gate.opened.set()
    await until(lambda: not s.plugins["adaptive"].runs["first"].slots.hung)
    await assert_clean(s, a, b)


@gen_cluster(**OPTIONS)
async def test_a_run_that_waits_says_who_has_the_threads(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scheduler_slots, "LONG_WAIT_S", 0.1)
        gate = Gate()
        first = adaptive.Runner(learner(gate.function), executor=c, name="first")
        await until(lambda: gate.inside == 4)
        second = adaptive.Runner(learner(square), executor=c, name="second", npoints_goal=10)
        await until(lambda: "the run 'first'" in (second.info().get("waits_for") or ""))
        await first.cancel()
        assert (await second.result(TIMEOUT)).npoints == 10
        assert second.info()["waits_for"] is None
        busy = [c.submit(gate.function, x, pure=False, key=f"others-{x}") for x in range(4)]
        await until(lambda: gate.entered >= 8)
        third = adaptive.Runner(learner(square), executor=c, name="third", npoints_goal=10)
        await until(lambda: "tasks 'others'" in (third.info().get("waits_for") or ""))
        gate.opened.set()
        assert (await third.result(TIMEOUT)).npoints == 10
        await asyncio.gather(*busy)
        del busy
    await assert_clean(s, a, b)


@gen_cluster(**{**OPTIONS, "nthreads": [("127.0.0.1", 2, {"resources": {"GPU": 1}})]})
async def test_a_resource_that_an_ended_run_holds_is_named_with_the_run(c, s, a):
    gate = Gate()
    first = adaptive.Runner(learner(gate.function), executor=c, name="first", resources={"GPU": 1})
    await until(lambda: gate.inside == 1)
    await first.cancel()
    await first.wait(TIMEOUT)
    second = adaptive.Runner(learner(square), executor=c, name="second", resources={"GPU": 1}, npoints_goal=10)
    expected = f"GPU=1 on {a.address}, held by 1 of the evaluations of run 'first'"
    await until(lambda: expected in (second.info().get("waits_for") or ""))
    gate.opened.set()
    assert (await second.result(TIMEOUT)).npoints == 10
    await assert_clean(s, a)


@gen_cluster(**OPTIONS)
async def test_a_run_may_be_cancelled_before_the_scheduler_knows_it(c, s, a, b):
    runner = adaptive.Runner(learner(square), executor=c, npoints_goal=3)
    await runner.result(TIMEOUT)
    late = adaptive.Runner(learner(square), executor=c, name="late")
    with pytest.raises(RunNotFoundError):
        await request(c, Route.CONTROL, name="late", run_id=late._run.id, action="cancel")
    with pytest.raises(RunNotFoundError, match="cancelled before it was started"):
        await late.task
    assert "late" not in s.plugins["adaptive"].runs
    again = adaptive.Runner(learner(square), executor=c, name="late", npoints_goal=3)
    assert (await again.result(TIMEOUT)).npoints == 3


def local_cluster(worker_spec):
    """A LocalCluster of which Dask has closed all nannies."""
    cluster = LocalCluster.__new__(LocalCluster)
    cluster.worker_spec, cluster.workers = worker_spec, {}
    return cluster


@pytest.mark.parametrize("given_up", [None, {}, {0: {}}], ids=["no cluster", "scaled to zero", "given up"])
@gen_cluster(**OPTIONS)
async def test_a_run_whose_workers_died_names_the_setting_and_fails_if_they_are_given_up(c, s, a, b, given_up):
    with pytest.MonkeyPatch.context() as patch, dask.config.set({"distributed.deploy.lost-worker-timeout": "0.2s"}):
        patch.setattr(scheduler_slots, "LONG_WAIT_S", 0.1)
        patch.setattr(runner_cluster, "GIVE_UP_AFTER_S", 0.1)
        patch.setattr(c, "cluster", None if given_up is None else local_cluster(given_up))
        gate = Gate()
        runner = adaptive.Runner(learner(gate.function), executor=c, name="first", on_error="skip")
        await until(lambda: gate.inside == 4)
        for worker in (a, b):
            await s.remove_worker(worker.address, stimulus_id="handle-worker-cleanup", close=False)
        gate.opened.set()
        for worker in (a, b):
            await worker.close()
        if given_up:
            with pytest.raises(WorkerLostError, match=r"2 died .* distributed\.deploy\.lost-worker-timeout"):
                await runner.result(TIMEOUT)
            assert runner.info()["status"] == runner.status() == "failed"
            return
        await until(lambda: "2 died" in (runner.info().get("waits_for") or ""))
        await until(lambda: "distributed.deploy.lost-worker-timeout" in runner.info()["waits_for"])
        await runner.cancel()
        await runner.wait(TIMEOUT)
