"""Evaluation of points by an evaluator: one after the other, or many in one call."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any

from adaptive_dask.cluster.worker_async import evaluate_concurrently
from adaptive_dask.cluster.worker_call import Call, Evaluator, Item
from adaptive_dask.cluster.worker_isolated import evaluate_isolated
from adaptive_dask.cluster.worker_queue import PointQueue
from adaptive_dask.isolated.function import IsolatedFunction
from adaptive_dask.learner.batch_call import call_batch
from adaptive_dask.run.pickling import pack_returned, unpack

Begun = tuple[Call, Coroutine[Any, Any, Any]]


def evaluate_points(points: PointQueue, evaluator: Evaluator, lease: float) -> None:
    """Evaluate points until the lease ends (in seconds), the run stops, or no points come."""
    function = points.load_function()
    if function is None:
        # There is no function, so no points come. Without this wait, another evaluator would be sent at once.
        points.waiting.get(time.monotonic() + lease)
        return
    if isinstance(function, IsolatedFunction):
        evaluate_isolated(points, evaluator, function, lease)
        return
    if points.evaluation.vectorized:
        _evaluate_batches(points, evaluator, function, lease)
        return
    begun = _evaluate_one_by_one(points, evaluator, function, lease)
    if begun is not None:
        with asyncio.Runner() as runner:
            runner.run(evaluate_concurrently(points, evaluator, function, lease, *begun))


def _evaluate_one_by_one(
    points: PointQueue, evaluator: Evaluator, function: Callable[[Any], Any], lease: float
) -> Begun | None:
    """Evaluate points one after the other; if the function is asynchronous, return its first call and coroutine."""
    end = time.monotonic() + lease
    while points.is_wanted:
        item = points.waiting.get(end)
        if item is None:
            return None
        call = points.begin(evaluator, (item,))
        try:
            value = function(unpack(item.packed))
            if inspect.iscoroutine(value):
                return call, value
            packed = pack_returned(value)
        except BaseException as error:  # SystemExit in a user's function must not end the evaluator
            points.fail(call, error)
        else:
            points.finish(call, (packed,))
        if time.monotonic() >= end or not _may_stay(evaluator):
            return None
    return None


def _evaluate_batches(points: PointQueue, evaluator: Evaluator, function: Callable[[Any], Any], lease: float) -> None:
    end = time.monotonic() + lease
    while points.is_wanted:
        first = points.waiting.get(end)
        if first is None:
            return
        batch = points.get_batch(first)
        _evaluate_batch(points, evaluator, function, batch)
        if time.monotonic() >= end or not _may_stay(evaluator):
            return


def _evaluate_batch(
    points: PointQueue, evaluator: Evaluator, function: Callable[[Any], Any], batch: list[Item]
) -> None:
    call = points.begin(evaluator, batch)
    try:
        values = call_batch(function, [unpack(item.packed) for item in batch])
        packed = [pack_returned(value) for value in values]
    except BaseException as error:
        points.fail(call, error)
    else:
        points.finish(call, packed)


def _may_stay(evaluator: Evaluator) -> bool:
    # If the function has seceded and not rejoined, another task of Dask uses the thread's slot.
    return not evaluator.is_given_up and evaluator.thread.is_in_pool and not evaluator.thread.is_replaced
