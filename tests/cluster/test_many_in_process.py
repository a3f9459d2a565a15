"""run_many with an asynchronous client, on a cluster within one event loop."""

from __future__ import annotations

from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive

from ..patience import OPTIONS, TIMEOUT, until
from .functions import peak, slow_peak


@gen_cluster(**OPTIONS)
async def test_with_an_asynchronous_client(c, s, a, b):
    runs = adaptive.run_many([adaptive.Learner1D(peak, (-1, 1)) for _ in range(5)], npoints_goal=20, executor=c)
    assert await runs.wait(TIMEOUT)
    assert {learner.npoints for learner in await runs.result()} == {20}
    more = adaptive.run_many([adaptive.Learner1D(slow_peak, (-1, 1)) for _ in range(5)], executor=c)
    await until(lambda: all(runner.info() for runner in more))
    await more.cancel()
    assert await more.wait(TIMEOUT)
    await until(lambda: not s.tasks)
