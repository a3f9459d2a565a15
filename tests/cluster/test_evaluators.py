"""How many evaluator tasks there are."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from typing import Any, ClassVar

import pytest
from distributed import Worker
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_evaluators
from adaptive_dask.cluster.client import ensure_host
from adaptive_dask.cluster.protocol import KEY_PREFIX
from adaptive_dask.cluster.scheduler_evaluators import EVALUATOR_TASK, MAX_IN_TURN, SPARE_TIMEOUT_S, Evaluators

from ..patience import OPTIONS, TIMEOUT, until


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
    await evaluators.release()
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


@gen_cluster(**{**OPTIONS, "nthreads": []})
async def test_many_tasks_are_submitted_and_released_a_few_at_a_time(c, s):
    called = asyncio.Event()
    evaluators = Evaluators("run", s, c, called.set, fail)
    wanted = 2 * MAX_IN_TURN + 1
    for number in (MAX_IN_TURN, 2 * MAX_IN_TURN, wanted):
        called.clear()
        evaluators.adjust(at_work=0, slots=wanted - 10, spare=10)
        assert len(evaluators) == number
        assert called.is_set() == (number < wanted)
    await until(lambda: len(submitted(s)) == wanted)
    await evaluators.release()
    await evaluators.released()
    assert not len(evaluators)
    await until(lambda: not submitted(s))


async def test_leases_are_longer_on_a_large_cluster(monkeypatch):
    leases = []

    class Client:
        def map(self, function, runs, given, **options):
            leases.extend(given)
            return []

    class Scheduler:
        total_nthreads = 16
        tasks: ClassVar[dict] = {}
        task_prefixes: ClassVar[dict] = {}
        extensions: ClassVar[dict] = {}

    monkeypatch.setattr(scheduler_evaluators, "trim_span", lambda scheduler: None)
    scheduler: Any = Scheduler()
    evaluators = Evaluators("run", scheduler, Client(), lambda: None, fail)
    evaluators.adjust(at_work=0, slots=4, spare=0)
    assert all(5 <= lease <= 7.5 for lease in leases[-4:])
    scheduler.total_nthreads = 10_000
    evaluators.adjust(at_work=0, slots=4, spare=0)
    assert all(100 <= lease <= 150 for lease in leases[-4:])


def test_the_function_of_a_task_is_pickled_without_this_package():
    packed = pickle.dumps(EVALUATOR_TASK)
    assert pickle.loads(packed) is EVALUATOR_TASK  # on the scheduler, which pickles it again for workers
    script = (
        "import pickle, sys; sys.modules['adaptive_dask'] = None; "
        "task = pickle.loads(sys.stdin.buffer.read()); print(task.__name__); task('run', 1.0)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=packed, capture_output=True, check=False)
    assert done.stdout == b"adaptive_evaluator\n"
    assert b"ModuleNotFoundError" in done.stderr


@gen_cluster(**OPTIONS)
async def test_tasks_that_dask_refuses_are_an_error_of_their_run_alone(c, s, a, b):
    errors: list[BaseException] = []
    evaluators = Evaluators("run", s, c, lambda: None, errors.append, {"annotations": {5: 6}})
    evaluators.adjust(at_work=0, slots=1, spare=0)
    assert [type(error) for error in errors] == [TypeError]
    assert len(evaluators) == 0


@gen_cluster(**OPTIONS)
async def test_a_run_waits_for_a_worker_whose_name_is_a_number(c, s, a, b):
    assert {a.name, b.name} == {0, 1}
    runner = adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), npoints_goal=9, executor=c, workers=[0, 7])
    await runner.result(TIMEOUT)
    runner = adaptive.Runner(adaptive.Learner1D(abs, (-1, 1)), npoints_goal=9, executor=c, workers=7)
    await until(lambda: "one of 7" in (runner.info().get("waits_for") or ""))
    async with Worker(s.address, name=7):
        assert (await runner.result(TIMEOUT)).npoints == 9
