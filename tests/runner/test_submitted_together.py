"""Points of fast functions go to an executor together: what happens to one of them happens to no other."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import cloudpickle
import loky
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import FunctionError, WorkerLostError
from adaptive_dask.local.travelling import TravellingFunction
from adaptive_dask.local.worker import BUDGET, evaluate

from .. import fakes
from ..fakes import CountingLearner
from ..patience import TIMEOUT
from . import functions
from .functions import deadly_from, lock_at_some

cloudpickle.register_pickle_by_value(functions)
cloudpickle.register_pickle_by_value(fakes)


class Watched(Executor):
    """An executor that notes how many points come together."""

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self._max_workers = 2
        self.sizes: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if len(args) > 1:
            self.sizes.append(len(args[1]))
        future: Future[Any] = self.executor.submit(fn, *args, **kwargs)
        return future


class Breaking(Watched):
    """Evaluates here, and breaks like a pool of processes when a point is 13."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if len(args) > 1:
            self.sizes.append(len(args[1]))
            if 13 in args[1]:
                future: Future[Any] = Future()
                future.set_exception(BrokenProcessPool("a process died"))
                return future
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_after_a_slow_point_the_others_are_evaluated_elsewhere() -> None:
    def slow_at_times(x: float) -> float:
        if x % 5 == 0:
            threading.Event().wait(2 * BUDGET)
        return x

    assert len(evaluate(TravellingFunction(slow_at_times, "key"), [0, 1, 2])) == 1
    with ThreadPoolExecutor(2) as threads:
        runner = adaptive.Runner(CountingLearner(slow_at_times), npoints_goal=60, executor=threads, ntasks=12)
        assert runner.result(TIMEOUT).npoints == 60
    assert runner.failed == set()
    assert runner.info()["evaluated"] == 60


def test_a_function_that_becomes_slow_has_its_points_one_by_one() -> None:
    def slow_in_the_end(x: float) -> float:
        if x >= 200:
            threading.Event().wait(0.002)
        return x

    with ThreadPoolExecutor(2) as threads:
        watched = Watched(threads)
        learned = CountingLearner(slow_in_the_end)
        adaptive.BlockingRunner(learned, npoints_goal=400, executor=watched, ntasks=8)
    assert learned.data == {x: x for x in range(400)}
    assert max(watched.sizes) > 1
    assert watched.sizes[-50:] == [1] * 50


def test_only_values_that_cannot_be_pickled_fail() -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as processes:
        watched = Watched(processes)
        runner = adaptive.Runner(
            CountingLearner(lock_at_some), npoints_goal=100, executor=watched, ntasks=16, on_error="skip"
        )
        data = runner.result(TIMEOUT).data
        assert len(data) == 100
        assert max(watched.sizes) > 1
        assert all(y == x for x, y in data.items())
        assert all(failed.point % 10 == 3 and failed.tries == 1 for failed in runner.failures)
        assert len(runner.failures) >= 10


def test_only_points_that_cannot_be_pickled_fail() -> None:
    class WithLocks(CountingLearner):
        def ask(self, n: int, tell_pending: bool = True) -> Any:
            points, improvements = super().ask(n, tell_pending)
            return [threading.Lock() if x % 10 == 3 else x for x in points], improvements

    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as processes:
        watched = Watched(processes)
        runner = adaptive.Runner(WithLocks(abs), npoints_goal=50, executor=watched, ntasks=16, on_error="skip")
        assert len(runner.result(TIMEOUT).data) == 50
        assert max(watched.sizes) > 1
        assert all(not isinstance(failed.point, int) for failed in runner.failures)
        assert runner.failures


@pytest.mark.long
@pytest.mark.parametrize("allowed_failures", [0, 1, 3])
def test_of_points_that_were_lost_together_only_the_culprit_fails(allowed_failures: int) -> None:
    executor = loky.get_reusable_executor(2)
    try:
        runner = adaptive.Runner(
            CountingLearner(deadly_from(100)),
            npoints_goal=150,
            executor=executor,
            ntasks=16,
            allowed_failures=allowed_failures,
        )
        assert set(runner.result(TIMEOUT).data) >= set(range(100))
        assert [failed.point for failed in runner.failures] == [100]
    finally:
        loky.get_reusable_executor(2).shutdown()


@pytest.mark.parametrize("ordered", [False, True])
def test_a_pool_that_broke_blames_none_of_those_that_were_together(ordered: bool) -> None:
    breaking = Breaking(None)
    learned = CountingLearner(lambda x: x)
    runner = adaptive.Runner(
        learned, npoints_goal=100, executor=breaking, ntasks=8, allowed_failures=0, ordered=ordered
    )
    with pytest.raises(WorkerLostError, match="accepts no more points"):
        runner.result(TIMEOUT)
    assert max(breaking.sizes) > 1, "13 was not alone"
    assert runner.failures == []
    assert set(learned.data) <= set(range(13)) | set(range(14, 32))


def test_a_point_that_raises_fails_alone() -> None:
    with ThreadPoolExecutor(2) as threads:
        watched = Watched(threads)
        runner = adaptive.Runner(
            CountingLearner(lambda x: 1 / (x - 50) and x), npoints_goal=100, executor=watched, ntasks=8, on_error="skip"
        )
        assert set(runner.result(TIMEOUT).data) == set(range(101)) - {50}
        assert max(watched.sizes) > 1
        with pytest.raises(FunctionError, match="ZeroDivisionError"):
            adaptive.BlockingRunner(
                CountingLearner(lambda x: 1 / (x - 50)), npoints_goal=100, executor=threads, ntasks=8
            )


def test_a_run_that_is_cancelled_ends_with_what_it_had() -> None:
    begun = threading.Event()

    def function(x: int) -> int:
        if x > 100:
            begun.set()
        return x

    with ThreadPoolExecutor(2) as threads:
        runner = adaptive.Runner(CountingLearner(function), executor=threads, ntasks=16)
        assert begun.wait(TIMEOUT)
        runner.cancel()
        assert runner.wait(TIMEOUT)
        assert all(y == x for x, y in runner.learner.data.items())
        assert runner.info()["in_flight"] == 0
