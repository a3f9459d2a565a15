"""Functions that take many points in one call, on executors of this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from typing import Any

import cloudpickle
import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import BatchShapeError, FunctionError
from adaptive_dask.local.dispatch import Dispatch
from adaptive_dask.local.flight import Flight
from adaptive_dask.local.pools import ExecutorPool
from adaptive_dask.local.worker import Value
from adaptive_dask.run.batching import BATCH_SECONDS, GRACE, MOST_IN_BATCH, batch_size, fair_batch, time_allowed
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session

from ..patience import TIMEOUT
from . import functions
from .conftest import MARKED_KINDS, open_executor
from .functions import fussy_squares, squares, too_few

cloudpickle.register_pickle_by_value(functions)


@pytest.fixture(scope="module", params=MARKED_KINDS[:-1])  # but for a cluster
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    with open_executor(request.param) as executor:
        yield executor


def learner(function: Any) -> adaptive.Learner1D:
    return adaptive.Learner1D(function, bounds=(-1, 1))


def test_the_size_of_a_batch() -> None:
    assert batch_size(None) == batch_size(0.0) == 1
    assert batch_size(BATCH_SECONDS * 3) == 1
    assert batch_size(BATCH_SECONDS / 7.5) == 7
    assert batch_size(1e-12) == MOST_IN_BATCH
    assert fair_batch(1e-12, 10, 3) == 4
    assert fair_batch(1e-12, 0, 0) == 1
    assert fair_batch(BATCH_SECONDS / 2.5, 10, 3) == 2
    assert time_allowed(0.1, 1) == 0.1
    assert time_allowed(0.1, 3) == pytest.approx(0.3)
    assert time_allowed(7.0, 1000) == 7 + GRACE


def test_points_come_in_batches(executor: Any) -> None:
    runner = adaptive.BlockingRunner(learner(squares), npoints_goal=2000, executor=executor, vectorized=True)
    data = runner.learner.data
    assert len(data) == 2000
    assert all(y[0] == x * x for x, y in data.items())
    assert max(y[1] for y in data.values()) > 5
    assert runner.info()["evaluated"] == 2000


def test_no_more_are_out_than_are_allowed(executor: Any) -> None:
    runner = adaptive.BlockingRunner(learner(squares), npoints_goal=300, executor=executor, vectorized=True, ntasks=8)
    sizes = {y[1] for y in runner.learner.data.values()}
    assert 1 < max(sizes) <= 8


def test_only_the_culprit_fails(executor: Any) -> None:
    runner = adaptive.Runner(
        learner(fussy_squares), npoints_goal=400, executor=executor, vectorized=True, on_error="skip"
    )
    data = runner.result(TIMEOUT).data
    assert len(data) == 400
    assert all(y == x * x for x, y in data.items())
    assert runner.failures
    assert all(0.3 < failed.point < 0.4 and failed.tries == 1 for failed in runner.failures)
    assert "adaptive_dask" not in runner.failures[0].traceback_text


def test_a_wrong_number_of_values_is_told(executor: Any) -> None:
    runner = adaptive.Runner(learner(too_few), npoints_goal=50, executor=executor, vectorized=True)
    with pytest.raises(FunctionError, match="returns n values") as caught:
        runner.result(TIMEOUT)
    assert isinstance(caught.value.exception, BatchShapeError)


def test_ordered_runs_are_the_same(executor: Any) -> None:
    def square(x: Any) -> Any:
        return x * x

    runs = [
        adaptive.BlockingRunner(
            learner(square), npoints_goal=200, executor=executor, vectorized=vectorized, ordered=True, ntasks=20
        ).learner
        for vectorized in (True, False)
    ]
    assert list(runs[0].data.items()) == list(runs[1].data.items())


def test_wrapped_functions(executor: Any) -> None:
    def results(x: Any) -> Any:
        return [{"y": value**2, "x": value} for value in x]

    saver = adaptive.DataSaver(learner(results), arg_picker=lambda result: result["y"])
    adaptive.BlockingRunner(saver, npoints_goal=60, executor=executor, vectorized=True)
    assert all(result["x"] == x for x, result in saver.extra_data.items())
    assert len(saver.extra_data) == 60
    sequence = adaptive.SequenceLearner(lambda many: [2 * each for each in many], sequence=range(50))
    adaptive.BlockingRunner(sequence, executor=executor, vectorized=True, npoints_goal=50)
    assert sequence.result() == [2 * i for i in range(50)]


def test_batches_are_as_long_as_they_should_last() -> None:
    def slow(x: Any) -> Any:
        import time

        time.sleep(0.004 * len(x))  # the function is slow
        return np.full(len(x), float(len(x)))

    with open_executor("threads") as threads:
        runner = adaptive.BlockingRunner(learner(slow), npoints_goal=300, executor=threads, vectorized=True, ntasks=100)
    assert 2 <= max(runner.learner.data.values()) <= 25


@pytest.mark.parametrize("ntasks", [None, 100])
def test_points_whose_results_come_one_by_one_make_batches_too(ntasks: int | None) -> None:
    calls: deque[tuple[list[float], Future[Any]]] = deque()

    class Slow(Executor):
        """Has two workers, that each do one call whenever the run has sent all it wants to send."""

        max_workers = 2

        def submit(self, _: Any, /, *args: Any, **__: Any) -> Future[Any]:
            calls.append((args[1], Future()))
            return calls[-1][1]

    session = Session(learner(np.square), Goal(npoints=1000))
    flight = Flight(ExecutorPool(Slow(), np.square, vectorized=True))
    dispatch = Dispatch(session, flight, 2, ntasks, vectorized=True)
    sizes = []
    while not session.done:
        dispatch.send(session.take(dispatch.room(1e-5)), is_paused=False)
        xs, future = calls.popleft()
        sizes.append(len(xs))
        future.set_result([Value(x * x, 0.004) for x in xs])
        session.tell(flight.collect(TIMEOUT).outcomes)
    assert sizes[:2] == [1, 1]
    assert np.mean(sizes[-30:]) > BATCH_SECONDS / 0.004 / 2
    assert max(sizes) <= BATCH_SECONDS / 0.004


def test_asynchronous_functions_are_refused() -> None:
    async def both(x: Any) -> Any:
        await asyncio.sleep(0)
        return x

    with pytest.raises(TypeError, match="Leave out one of the two"):
        adaptive.Runner(learner(both), npoints_goal=5, vectorized=True)
    with pytest.raises(TypeError, match="Leave out one of the two"):
        adaptive.Runner(adaptive.DataSaver(learner(both), arg_picker=float), npoints_goal=5, vectorized=True, ntasks=2)
