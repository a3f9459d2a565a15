"""Functions in processes of their own, on workers in this process."""

from __future__ import annotations

import asyncio

import pytest
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import worker_isolated
from adaptive_dask.errors import FunctionError, ModuleMissingError, PointTimeoutError, ProcessCrashError

from ..isolated.processes import note_others, processes_here
from ..patience import OPTIONS, TIMEOUT, until
from ..settings import change
from .test_given_up import assert_clean, stray_threads


@pytest.fixture(autouse=True)
def counts_its_own_processes():
    note_others()


def make_learner(bad=None):
    def function(x):
        import os
        import subprocess
        import time

        if abs(x) == 1.0 and bad == "hangs":
            print("begun")
            subprocess.run("sleep 1000; true", shell=True)
        if bad == "always hangs":
            time.sleep(1000)
        if abs(x) == 1.0 and bad == "crashes":
            print("begun")
            os._exit(5)
        return x**2

    return adaptive.Learner1D(function, (-1, 1))


async def assert_nothing_left(scheduler, *workers):
    await assert_clean(scheduler, *workers)
    await until(lambda: not processes_here())
    assert not stray_threads(*workers)


@pytest.mark.parametrize(("bad", "error"), [("hangs", PointTimeoutError), ("crashes", ProcessCrashError)])
@gen_cluster(**OPTIONS)
async def test_a_bad_point_costs_itself(c, s, a, b, bad, error):
    learner = make_learner(bad)
    runner = adaptive.Runner(learner, executor=c, isolate="process", npoints_goal=20, point_timeout=1, on_error="skip")
    await runner.result(TIMEOUT)
    failures = runner.failures
    assert sorted(failed.point for failed in failures) == [-1.0, 1.0]
    assert learner.npoints == 20
    assert not runner.info()["hung"]
    await assert_nothing_left(s, a, b)


@gen_cluster(**OPTIONS)
async def test_the_error_of_a_run(c, s, a, b):
    runner = adaptive.Runner(make_learner("crashes"), executor=c, isolate="process", npoints_goal=20)
    with pytest.raises(FunctionError, match="exited with code 5 before the function returned") as caught:
        await runner.result(TIMEOUT)
    assert isinstance(caught.value.exception, ProcessCrashError)
    assert caught.value.exception.exitcode == 5
    await assert_nothing_left(s, a, b)


@pytest.mark.parametrize("how", ["cancel", "retire", "close"])
@gen_cluster(**OPTIONS)
async def test_the_end_of_a_run_or_worker_ends_evaluations(c, s, a, b, how):
    runner = adaptive.Runner(make_learner("always hangs"), executor=c, isolate="process", npoints_goal=20)
    await until(lambda: len(processes_here()) >= 5)
    if how == "retire":
        await c.retire_workers([a.address, b.address])
    elif how == "close":
        await a.close()
        await b.close()
    else:
        runner.cancel()
    await until(lambda: not processes_here())
    runner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner.task
    await until(lambda: s.plugins["adaptive"].resources.client is None)
    if how == "cancel":
        await assert_nothing_left(s, a, b)


@gen_cluster(**OPTIONS)
async def test_points_that_are_not_wanted_any_more(c, s, a, b):
    learner = make_learner("hangs")
    runner = adaptive.Runner(learner, executor=c, isolate="process", npoints_goal=20)
    await until(lambda: runner.info().get("npoints", 0) >= 18)
    await runner.cancel_points([-1.0, 1.0])
    await runner.result(TIMEOUT)
    assert not learner.data.keys() & {-1.0, 1.0}
    await assert_nothing_left(s, a, b)


@gen_cluster(**OPTIONS)
async def test_processes_are_kept_from_lease_to_lease(c, s, a, b, monkeypatch):
    change(monkeypatch, "scheduler.lease", "50 ms")

    def function(x):
        import os
        import time

        time.sleep(0.01)
        return float(os.getpid())

    learner = adaptive.Learner1D(function, (-1, 1))
    runner = adaptive.Runner(learner, executor=c, isolate="process", npoints_goal=100)
    await runner.result(TIMEOUT)
    assert len(set(learner.data.values())) <= 4
    await assert_nothing_left(s, a, b)


@gen_cluster(**OPTIONS)
async def test_processes_that_nobody_needs_end(c, s, a, b, monkeypatch):
    monkeypatch.setattr(worker_isolated, "KEEP_S", 0.1)
    runner = adaptive.Runner(make_learner(), executor=c, isolate="process", npoints_goal=10)
    await runner.result(TIMEOUT)
    await assert_nothing_left(s, a, b)


@gen_cluster(**OPTIONS)
async def test_a_missing_module(c, s, a, b):
    class Needs:
        def __reduce__(self):
            return __import__, ("no_such_module",)

    needs = Needs()
    runner = adaptive.Runner(
        adaptive.Learner1D(lambda x: needs, (-1, 1)), executor=c, isolate="process", npoints_goal=10
    )
    with pytest.raises(ModuleMissingError, match="no_such_module"):
        await runner.result(TIMEOUT)
    await assert_nothing_left(s, a, b)
