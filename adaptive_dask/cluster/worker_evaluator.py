"""What an evaluator does with the points that come: one after the other, or many in one call."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any

from adaptive_dask.cluster.worker_async import evaluate_concurrently
from adaptive_dask.cluster.worker_queue import PointQueue
from adaptive_dask.cluster.worker_work import Item, Seat, Work
from adaptive_dask.errors import BatchShapeError
from adaptive_dask.learner.batch_call import call_batch
from adaptive_dask.run.pickling import pack_returned, unpack

Begun = tuple[Work, Coroutine[Any, Any, Any]]


def evaluate_points(points: PointQueue, seat: Seat, lease: float) -> None:
    """Evaluate points until the lease ends (in seconds), the run stops, or nothing comes."""
    function = points.load_function()
    if function is None:
        # Nothing comes, unless the run is over; without waiting, the scheduler would send another evaluator at once.
        points.waiting.get(time.monotonic() + lease)
        return
    if points.evaluation.vectorized:
        _evaluate_batches(points, seat, function, lease)
        return
    begun = _evaluate_one_by_one(points, seat, function, lease)
    if begun is not None:
        with asyncio.Runner() as runner:
            runner.run(evaluate_concurrently(points, seat, function, lease, *begun))


def _evaluate_one_by_one(points: PointQueue, seat: Seat, function: Callable[[Any], Any], lease: float) -> Begun | None:
    """Evaluate point after point; if the function turns out to be asynchronous, the first is left to the caller."""
    end = time.monotonic() + lease
    while points.is_wanted:
        item = points.waiting.get(end)
        if item is None:
            return None
        work = points.begin(seat, (item,))
        try:
            value = function(unpack(item.packed))
            if inspect.iscoroutine(value):
                return work, value
            packed = pack_returned(value)
        except BaseException as error:  # SystemExit in a user's function must not end the evaluator
            points.fail(work, error)
        else:
            points.finish(work, (packed,))
        if time.monotonic() >= end or not _may_stay(seat):
            return None
    return None


def _evaluate_batches(points: PointQueue, seat: Seat, function: Callable[[Any], Any], lease: float) -> None:
    end = time.monotonic() + lease
    while points.is_wanted:
        first = points.waiting.get(end)
        if first is None:
            return
        batch = points.get_batch(first)
        _evaluate_batch(points, seat, function, batch)
        if time.monotonic() >= end or not _may_stay(seat):
            return


def _evaluate_batch(points: PointQueue, seat: Seat, function: Callable[[Any], Any], batch: list[Item]) -> None:
    work = points.begin(seat, batch)
    try:
        values = call_batch(function, [unpack(item.packed) for item in batch])
        packed = [pack_returned(value) for value in values]
    except BatchShapeError as error:  # so it would be again
        points.fail(work, error)
    except BaseException as error:
        if len(batch) > 1:
            points.split(work)
        else:
            points.fail(work, error)
    else:
        points.finish(work, packed)


def _may_stay(seat: Seat) -> bool:
    # A function that has seceded for good left its thread to Dask's other tasks.
    return not seat.is_given_up and seat.thread.is_in_pool and not seat.thread.is_replaced
