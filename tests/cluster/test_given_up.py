"""Points that take too long, and points that are not wanted any more; on workers in this process."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from distributed.utils_test import gen_cluster

import adaptive_dask as adaptive
from adaptive_dask.cluster import scheduler_subscriptions, worker_queue
from adaptive_dask.errors import FunctionError, PointTimeoutError
from adaptive_dask.runner import watcher

from ..patience import OPTIONS, TIMEOUT, until
from .gate import Gate
from .test_host import run_of


def learner(function, bounds=(-1, 1)):
    return adaptive.Learner1D(function, bounds=bounds)


def on_the_right(x):
    return x > 0.9


def stray_threads(*workers):
    """Threads of the workers that their pools do not count any more."""
    known = set().union(*(worker.executors["default"]._threads for worker in workers))
    return [thread for thread in threading.enumerate() if "Dask-Default-Threads" in thread.name and thread not in known]


async def assert_clean(scheduler, *workers):
    await until(lambda: not scheduler.tasks)
    await until(lambda: not any(worker.plugins["adaptive-points"]._queues for worker in workers))
    await until(lambda: not any(worker.state.executing_count for worker in workers))
    await until(lambda: not any(worker.state.long_running for worker in workers))


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@gen_cluster(**OPTIONS)
async def test_a_hung_point_fails_and_says_where(c, s, a, b, kind):
    gate = Gate(on_the_right)
    runner = adaptive.Runner(learner(getattr(gate, kind)), executor=c, npoints_goal=200, point_timeout=1)
    with pytest.raises(FunctionError, match=r"given up after .* for point_timeout=1 s") as caught:
        await runner.result(TIMEOUT)
    error = caught.value
    assert isinstance(error.exception, PointTimeoutError)
    assert error.point == 1.0
    assert error.worker in (a.address, b.address)
    assert error.log
    assert runner.info()["timeouts"] > 0
    if kind == "function":
        # Not the line's text: since 3.1.3 cloudpickle does not say which file a function by value came from.
        assert "in square" in error.traceback_text, "where the thread is"
        assert "in wait" in error.traceback_text
    gate.opened.set()
    await assert_clean(s, a, b)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["function", "coroutine"])
@gen_cluster(**OPTIONS)
async def test_hung_points_do_not_stop_the_run(c, s, a, b, kind):
    """Though there are more of them than threads."""
    gate = Gate(lambda x: x > 0.8)
    goal = 150
    runner = adaptive.Runner(
        learner(getattr(gate, kind)), executor=c, npoints_goal=goal, point_timeout=0.5, on_error="skip"
    )
    data = (await runner.result(TIMEOUT)).data
    assert len(data) == goal
    assert all(x <= 0.8 and y == x**2 for x, y in data.items())
    await runner.refresh()
    assert len(runner.failed) == gate.entered - goal
    assert len(runner.failed) > 0
    assert {failed.worker for failed in runner.failures} <= {a.address, b.address}
    if kind == "coroutine":
        assert gate.cancelled == len(runner.failed)
        assert gate.inside == 0
    else:
        assert gate.inside == len(runner.failed), "threads cannot be interrupted"
        assert len(stray_threads(a, b)) == gate.inside
        assert sum(runner.info()["hung"].values()) == gate.inside
        assert await c.submit(lambda: 5) == 5, "Dask has its threads"
    gate.opened.set()
    await until(lambda: gate.inside == 0)
    await assert_clean(s, a, b)
    await until(lambda: not stray_threads(a, b))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["function", "coroutine"])
@gen_cluster(**OPTIONS)
async def test_a_point_that_is_tried_again_is_told_once(c, s, a, b, kind):
    """The first evaluation hangs, and comes back late, when the second has long been told."""
    entered = []

    def holds(x):
        entered.append(x)
        return x == 1.0 and entered.count(1.0) <= 1

    gate = Gate(holds) if kind == "function" else Gate(lambda x: x == 1.0 and gate.cancelled == 0)
    runner = adaptive.Runner(
        learner(getattr(gate, kind)), executor=c, npoints_goal=60, point_timeout=1, retries=1, log=True
    )
    data = (await runner.result(TIMEOUT)).data
    assert len(data) == 60
    assert 1.0 in data
    assert gate.entered == 61
    gate.opened.set()
    await until(lambda: gate.inside == 0)
    await assert_clean(s, a, b)
    await runner.refresh()
    told = [x for call, *args in runner.log if call.startswith("tell") for x in np.atleast_1d(args[0])]
    assert len(told) == len(set(told)) == 60
    assert runner.failures == []


@gen_cluster(**OPTIONS)
async def test_watchers_hear_of_what_hangs_and_fails_though_no_result_comes(c, s, a, b):
    gate = Gate()
    before = watcher.PATIENCE, scheduler_subscriptions.MAX_WAIT_S
    watcher.PATIENCE = scheduler_subscriptions.MAX_WAIT_S = 10 * TIMEOUT  # or the next request would tell
    try:
        runner = adaptive.Runner(learner(gate.function), executor=c, point_timeout=0.2, on_error="skip")
        await until(lambda: sum(runner.info().get("hung", {}).values()) >= 4 and runner.info()["failed"] >= 4)
        await b.close(timeout=0.5, reason="worker-close-gracefully")  # threads hang in it
        await until(lambda: set(runner.info()["hung"]) == {a.address})
        gate.opened.set()
        await runner.cancel()
    finally:
        watcher.PATIENCE, scheduler_subscriptions.MAX_WAIT_S = before
    await until(lambda: gate.inside == 0)
    await assert_clean(s, a)


@gen_cluster(**OPTIONS)
async def test_a_substitute_for_what_hangs(c, s, a, b):
    gate = Gate(on_the_right)
    runner = adaptive.Runner(
        learner(gate.function), executor=c, npoints_goal=60, point_timeout=0.5, on_error=lambda point, error: -1.0
    )
    data = (await runner.result(TIMEOUT)).data
    assert all(y == (-1.0 if x > 0.9 else x**2) for x, y in data.items())
    assert data[1.0] == -1.0
    gate.opened.set()
    await assert_clean(s, a, b)


@pytest.mark.long
@gen_cluster(**OPTIONS)
async def test_in_a_batch_only_what_hangs_fails(c, s, a, b):
    gate = Gate(lambda x: np.any(x > 0.95))
    runner = adaptive.Runner(
        learner(gate.function), executor=c, npoints_goal=300, vectorized=True, point_timeout=0.3, on_error="skip"
    )
    data = (await runner.result(TIMEOUT)).data
    assert len(data) == 300
    await runner.refresh()
    assert runner.failures
    assert all(failed.point > 0.95 for failed in runner.failures)
    gate.opened.set()
    await assert_clean(s, a, b)


@gen_cluster(**OPTIONS)
async def test_a_blocked_event_loop_is_given_up(c, s, a, b):
    gate = Gate(on_the_right)
    blocking = gate.function

    async def blocks(x):
        return blocking(x)

    before, worker_queue.CANCEL_TIMEOUT_S = worker_queue.CANCEL_TIMEOUT_S, 0.2
    try:
        runner = adaptive.Runner(
            learner(blocks), executor=c, npoints_goal=100, point_timeout=0.3, retries=20, on_error="skip"
        )
        await runner.refresh()
        await until(lambda: run_of(s, runner).summary()["hung"])
        gate.opened.set()
        assert len((await runner.result(TIMEOUT)).data) == 100
    finally:
        worker_queue.CANCEL_TIMEOUT_S = before
    await assert_clean(s, a, b)


@gen_cluster(**OPTIONS)
async def test_with_too_many_hung_threads_slots_are_lost_but_not_the_run(c, s, a, b):
    gate = Gate(lambda x: x > 0.0)
    before, worker_queue.MAX_HUNG_THREADS = worker_queue.MAX_HUNG_THREADS, 1
    try:
        runner = adaptive.Runner(
            learner(gate.function), executor=c, npoints_goal=40, point_timeout=0.1, on_error="skip"
        )
        await runner.refresh()
        await until(lambda: sum(run_of(s, runner).summary()["hung"].values()) == 6)
        assert runner.status() == "running"
        assert run_of(s, runner).assignments.slots == 0
        gate.opened.set()
        assert len((await runner.result(TIMEOUT)).data) == 40
    finally:
        worker_queue.MAX_HUNG_THREADS = before
    await assert_clean(s, a, b)


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@gen_cluster(**OPTIONS)
async def test_points_are_cancelled_by_value_and_by_id(c, s, a, b, kind):
    gate = Gate()
    runner = adaptive.Runner(learner(getattr(gate, kind)), executor=c, npoints_goal=30, ntasks=4)
    await until(lambda: gate.inside == 4)
    await runner.refresh()
    first, *others = runner.pending_points
    assert await runner.cancel_points([first[1]]) == [first]
    assert await runner.cancel_points([first[1], 77.7]) == []
    assert sorted(await runner.cancel_points(ids=[pid for pid, _ in others])) == sorted(others)
    await until(lambda: gate.entered >= 8), "their slots are free again"
    gate.opened.set()
    data = (await runner.result(TIMEOUT)).data
    assert len(data) == 30
    assert not set(data) & {point for _, point in [first, *others]}
    assert runner.failed == set()
    await assert_clean(s, a, b)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(0, ValueError), (-1, ValueError), (float("nan"), ValueError), ("soon", TypeError), (True, TypeError)],
)
def test_a_timeout_that_makes_no_sense_is_refused(timeout, error):
    with pytest.raises(error, match="point_timeout"):
        adaptive.Runner(learner(abs), npoints_goal=3, point_timeout=timeout)
