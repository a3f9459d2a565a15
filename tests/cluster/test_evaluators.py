"""How many evaluator tasks there are."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from distributed.utils_test import gen_cluster

from adaptive_dask.cluster.client import ensure_host
from adaptive_dask.cluster.protocol import KEY_PREFIX
from adaptive_dask.cluster.scheduler_evaluators import SPARE_TIMEOUT_S, Evaluators

from ..patience import OPTIONS, until


def fail(error: BaseException) -> None:
    pytest.fail(f"{error!r}")


def submitted(scheduler: Any) -> list[Any]:
    return [task for key, task in scheduler.tasks.items() if key.startswith(KEY_PREFIX)]


@gen_cluster(**{**OPTIONS, "nthreads": []})
async def test_a_task_that_waits_is_not_doubled_when_its_turn_comes(c, s):
    called = asyncio.Event()
    evaluators = Evaluators("run", s, c, called.set, fail)
    evaluators.adjust(at_work=0, slots=0, spare=1)
    evaluators.adjust(at_work=0, slots=1, spare=0)
    assert len(evaluators) == 1
    await until(lambda: len(submitted(s)) == 1)
    (waiting,) = submitted(s)
    # Nobody takes it: another is submitted that comes before the tasks of other runs that wait.
    await asyncio.wait_for(called.wait(), SPARE_TIMEOUT_S + 60)
    evaluators.adjust(at_work=0, slots=1, spare=0)
    assert len(evaluators) == 1
    await until(lambda: [task for task in submitted(s) if task is not waiting] != [] and len(submitted(s)) == 1)
    assert submitted(s)[0].priority < waiting.priority
    evaluators.release()
    await until(lambda: not submitted(s))


@gen_cluster(**OPTIONS)
async def test_which_workers_have_a_task(c, s, a, b):
    await ensure_host(c)
    evaluators = Evaluators("never", s, c, lambda: None, fail)
    assert not evaluators.has_task_on(a.address)
    assert not evaluators.has_task_on("tcp://127.0.0.1:1")
    evaluators.adjust(at_work=0, slots=4, spare=0)
    seen = set()

    def look():
        seen.update(worker for worker in s.workers if evaluators.has_task_on(worker))
        return len(seen) == 2

    await until(look)
    await until(lambda: not len(evaluators))
    assert not evaluators.has_task_on(a.address)
