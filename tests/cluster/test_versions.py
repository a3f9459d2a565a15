"""Client, scheduler and workers with different versions of adaptive_dask: who has which is said at once."""

from __future__ import annotations

import asyncio

import pytest
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import client as client_side
from adaptive_dask.cluster import worker_function as worker_side
from adaptive_dask.errors import VersionMismatchError

from ..patience import OPTIONS, TIMEOUT
from .functions import peak


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
