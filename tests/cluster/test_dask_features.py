"""Evaluators are Dask's tasks: resources, priorities, workers and annotations hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import dask
import pytest
from distributed import Worker
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster.protocol import KEY_PREFIX

from ..patience import OPTIONS, TIMEOUT, until
from .functions import peak, slow_peak
from .gate import Gate


def learner(function=slow_peak, bounds=(-1, 1)):
    return adaptive.Learner1D(function, bounds=bounds)


def host_of(scheduler):
    return scheduler.plugins["adaptive"]


def run_of(scheduler, runner):
    host = scheduler.plugins.get("adaptive")
    return host and host.runs.get(runner.name)


def where(runs_on):
    """A function that says on which worker it was evaluated."""

    def function(x):
        from distributed import get_worker

        return float(runs_on.index(get_worker().address))

    return function


GPUS = [("127.0.0.1", 2, {"resources": {"GPU": 1}}), ("127.0.0.1", 2)]


@gen_cluster(**{**OPTIONS, "nthreads": GPUS})
async def test_a_resource_limits_where_and_how_many(c, s, a, b):
    the_learner = learner(where([a.address, b.address]))
    runner = adaptive.Runner(the_learner, npoints_goal=50, executor=c, resources={"GPU": 1})
    other = adaptive.Runner(learner(), executor=c)
    most = 0

    def look():
        nonlocal most
        run = run_of(s, runner)
        most = max(most, run.assignments.slots if run else 0)
        return runner.task.done()

    await until(look)
    assert set(the_learner.data.values()) == {0.0}
    assert most == 1
    assert run_of(s, other).history.evaluated
    await other.cancel()
    await other.wait(TIMEOUT)
    await until(lambda: not s.tasks)


@gen_cluster(**{**OPTIONS, "nthreads": GPUS})
async def test_others_use_what_a_run_cannot(c, s, a, b):
    narrow = adaptive.Runner(learner(), executor=c, resources={"GPU": 1}, weight=100)
    wide = adaptive.Runner(learner(), executor=c)
    await until(lambda: run_of(s, narrow) and run_of(s, narrow).assignments.slots == 1)
    await until(lambda: run_of(s, wide) and run_of(s, wide).assignments.slots == 3)
    for runner in (narrow, wide):
        await runner.cancel()
        await runner.wait(TIMEOUT)


@gen_cluster(**OPTIONS)
async def test_a_run_says_what_it_waits_for_and_begins_when_it_comes(c, s, a, b):
    named = adaptive.Runner(learner(peak), npoints_goal=20, executor=c, workers="late")
    equipped = adaptive.Runner(learner(peak), npoints_goal=20, executor=c, resources={"GPU": 2})
    await until(lambda: "one of late" in (named.info().get("waits_for") or ""))
    await until(lambda: "with GPU=2; none of 2 is such" in (equipped.info().get("waits_for") or ""))
    other = adaptive.Runner(learner(peak), npoints_goal=20, executor=c)
    assert await other.wait(TIMEOUT)
    assert other.info()["waits_for"] is None
    async with Worker(s.address, name="late", resources={"GPU": 2}, nthreads=1):
        assert await named.wait(TIMEOUT)
        assert await equipped.wait(TIMEOUT)
    assert {run.learner.npoints for run in (named, equipped)} == {20}
    await until(lambda: not s.tasks)


@gen_cluster(**{**OPTIONS, "nthreads": GPUS})
async def test_a_run_says_that_points_that_hang_hold_its_resource(c, s, a, b):
    gate = Gate(lambda x: x == 1.0)
    runner = adaptive.Runner(
        learner(gate.function),
        npoints_goal=50,
        executor=c,
        resources={"GPU": 1},
        point_timeout=0.3,
        on_error="skip",
    )
    expected = f"GPU=1 on {a.address}, held by 1 of the evaluations of run {runner.name!r}"
    await until(lambda: expected in (runner.info().get("waits_for") or ""))
    assert b.address not in runner.info()["waits_for"]
    gate.opened.set()
    assert len((await runner.result(TIMEOUT)).data) == 50
    assert runner.info()["waits_for"] is None
    await until(lambda: not s.tasks)


@gen_cluster(**OPTIONS)
async def test_workers_by_name_or_address(c, s, a, b):
    for chosen in (b.address, [b.address], b.name):
        the_learner = learner(where([a.address, b.address]))
        runner = adaptive.Runner(the_learner, npoints_goal=20, executor=c, workers=chosen)
        assert await runner.wait(TIMEOUT)
        assert set(the_learner.data.values()) == {1.0}
    the_learner = learner(peak)
    runner = adaptive.Runner(
        the_learner, npoints_goal=20, executor=c, workers="tcp://127.0.0.1:1", allow_other_workers=True
    )
    assert await runner.wait(TIMEOUT)
    assert the_learner.npoints == 20


@gen_cluster(**OPTIONS)
async def test_priority_and_annotations_arrive(c, s, a, b):
    def tasks():
        return [task for key, task in s.tasks.items() if str(key).startswith(KEY_PREFIX)]

    with dask.annotate(project="maps", priority=3):
        runner = adaptive.Runner(learner(), executor=c, annotations={"owner": "me"})
    await until(lambda: any(task.state == "processing" for task in tasks()))
    for task in tasks():
        assert task.annotations["project"] == "maps"
        assert task.annotations["owner"] == "me"
        assert task.priority[0] in (-3, -2)  # those that are to wait are behind
    await runner.cancel()
    await runner.wait(TIMEOUT)


@gen_cluster(**OPTIONS)
async def test_run_many_takes_them(c, s, a, b):
    learners = [learner(where([a.address, b.address])) for _ in range(8)]
    runs = adaptive.run_many(learners, npoints_goal=10, executor=c, workers=[b.address])
    assert await runs.wait(TIMEOUT)
    assert {value for one in learners for value in one.data.values()} == {1.0}


BAD = [
    ({"resources": ["GPU"]}, ValueError, "amounts by name"),
    ({"resources": {"GPU": 0}}, ValueError, "amounts by name"),
    ({"priority": "high"}, TypeError, "priority must be a number"),
    ({"workers": []}, ValueError, "which is empty"),
    ({"workers": 3.5}, TypeError, "addresses, names or hosts"),
    ({"allow_other_workers": True}, ValueError, "only together with workers"),
    ({"annotations": "fast"}, TypeError, "annotations must be a mapping"),
]


@pytest.mark.parametrize(("arguments", "kind", "match"), BAD)
def test_bad_arguments(arguments, kind, match):
    with pytest.raises(kind, match=match):
        adaptive.Runner(learner(), **arguments)


@pytest.mark.parametrize("arguments", [{"resources": {"GPU": 1}}, {"priority": 2}, {"workers": "a"}])
def test_other_executors_refuse_them(arguments):
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match=f"{next(iter(arguments))}= needs a Dask"):
        adaptive.Runner(learner(), executor=pool, **arguments)
