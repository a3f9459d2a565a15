"""Client, scheduler and workers with different versions of adaptive_dask: who has which is said at once."""

from __future__ import annotations

import asyncio

import pytest
from distributed import Worker
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import client as client_side
from adaptive_dask.cluster import worker_function as worker_side
from adaptive_dask.errors import VersionMismatchError

from ..patience import OPTIONS, TIMEOUT, until
from .functions import peak, slow_peak
from .test_host import run_of


def learner():
    return adaptive.Learner1D(peak, bounds=(-1, 1))


@gen_cluster(**OPTIONS)
async def test_a_client_of_another_version_is_told_so(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_side, "own_versions", lambda: ["9.9.9", 1])
        runner = adaptive.Runner(learner(), npoints_goal=20, executor=c)
        with pytest.raises(VersionMismatchError, match=r"client has 9\.9\.9 \(protocol 1\), the scheduler has \d"):
            await asyncio.wait_for(runner.task, TIMEOUT)
        with pytest.raises(VersionMismatchError):
            await adaptive.attach("any", c)
    for odd in (None, 7, [], ["x" * 10**6, []]):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client_side, "own_versions", lambda odd=odd: odd)
            with pytest.raises(VersionMismatchError) as caught:
                await adaptive.runs(c)
            assert len(str(caught.value)) < 1000
    assert (await adaptive.Runner(learner(), npoints_goal=20, executor=c).result(TIMEOUT)).npoints == 20


@gen_cluster(**OPTIONS)
async def test_a_worker_of_another_version_is_named(c, s, a, b):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_side, "own_versions", lambda: ["0.0.1", 1])
        runner = adaptive.Runner(learner(), npoints_goal=20, executor=c)
        with pytest.raises(VersionMismatchError, match=r"the worker tcp://127.* has 0\.0\.1 \(protocol 1\), the sch"):
            await asyncio.wait_for(runner.task, TIMEOUT)
    assert set(s.workers) == {a.address, b.address}
    assert (await adaptive.Runner(learner(), npoints_goal=20, executor=c).result(TIMEOUT)).npoints == 20


@pytest.mark.long
@pytest.mark.parametrize("trouble", ["version", "module"])
@gen_cluster(**{**OPTIONS, "nthreads": [("127.0.0.1", 2)]})
async def test_a_worker_that_comes_later_and_cannot_have_the_function_ends_no_run(c, s, a, trouble):
    runner = adaptive.Runner(adaptive.Learner1D(slow_peak, bounds=(-1, 1)), executor=c)
    await runner.refresh()
    run = run_of(s, runner)
    await until(lambda: run.history.evaluated > 5)
    with pytest.MonkeyPatch.context() as patch:
        if trouble == "version":
            patch.setattr(worker_side, "own_versions", lambda: ["0.0.1", 1])
        else:

            def cannot(*_):
                raise ModuleNotFoundError("No module named 'nowhere'", name="nowhere")

            patch.setattr(worker_side, "_load_function", cannot)
        async with Worker(s.address, nthreads=2) as other:
            await until(lambda: other.address in run.summary()["unfit"])
            assert ("0.0.1" if trouble == "version" else "nowhere") in run.summary()["unfit"][other.address]
            before = run.history.evaluated
            await until(lambda: run.history.evaluated > before + 5)
            assert run.assignments.loads[a.address].slots == 2
            assert other.address not in run.assignments.loads
            patch.undo()  # as if it had been installed there
            await until(lambda: run.history.workers.get(other.address))
            assert run.summary()["unfit"] == {}
    runner.cancel()
    await runner.wait(TIMEOUT)
    assert set(runner.learner.data.values()) == {slow_peak(x, 0) for x in runner.learner.data}
    await until(lambda: not s.tasks)
