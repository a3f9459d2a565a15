"""Create a run on a local executor from the arguments of a runner."""

from __future__ import annotations

import asyncio
from typing import Any

from adaptive_dask import output
from adaptive_dask.cluster.protocol import Evaluation
from adaptive_dask.errors import CheckpointError
from adaptive_dask.learner.function_pickle import dumps_apart
from adaptive_dask.local.coroutines import CoroutinePool, is_asynchronous
from adaptive_dask.local.dispatch import Dispatch
from adaptive_dask.local.flight import Flight
from adaptive_dask.local.isolated_pool import IsolatedPool
from adaptive_dask.local.loop_pool import LoopPool
from adaptive_dask.local.pools import ExecutorPool, Pool, as_executor, count_workers
from adaptive_dask.local.sequential import SequentialExecutor
from adaptive_dask.run.driver import Driver
from adaptive_dask.runner.arguments import Plan, not_both
from adaptive_dask.runner.local import LocalRun
from adaptive_dask.runner.replica import Replica
from adaptive_dask.storage.checkpoint import Checkpoint
from adaptive_dask.storage.learner_copy import copy_learner, working_copy


def start_locally(
    learner: Any,
    plan: Plan,
    executor: Any,
    *,
    loop: asyncio.AbstractEventLoop | None,
    coroutine_loop: asyncio.AbstractEventLoop | None,
    shutdown: bool,
) -> LocalRun:
    """Create a run on an executor, without starting it.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop, optional
        The user's event loop, on which the learner is kept current.
    coroutine_loop : asyncio.AbstractEventLoop, optional
        The user's event loop, on which coroutine functions and points of a `SequentialExecutor` are evaluated. Without
        one, they are evaluated in a thread.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        If the executor cannot be used; see `ExecutorPool`.
    LearnerError
        If the goal cannot be computed.
    CheckpointError
        If the checkpoint cannot be used.
    """
    output.spare_this_process()
    evaluation, ntasks, checkpoint = plan.evaluation, plan.evaluation.ntasks, plan.checkpoint
    pool = _make_pool(learner, executor, coroutine_loop, evaluation)
    if ntasks is None and not evaluation.vectorized:
        ntasks = pool.workers
    slots = min(pool.workers or ntasks or 0, ntasks or pool.workers or 0)
    if not slots:
        raise ValueError(
            f"How many workers a {type(executor).__name__} has is not known: give ntasks=, the number of points "
            "that may be out at the same time."
        )
    copy = working_copy(learner)
    functions = [] if checkpoint is None else _pickled_functions(learner, checkpoint)
    opened = None if checkpoint is None else Checkpoint(checkpoint, plan.name)
    driver = Driver(
        copy,
        plan.goal,
        opened,
        functions=functions,
        drain=plan.drain,
        on_error=plan.on_error,
        **vars(plan.session),
    )
    try:
        if driver.session.told and copy is not learner:
            copy_learner(learner, copy)
    except BaseException:
        driver.close()
        raise
    replica = Replica(learner, loop, is_told=copy is learner)
    flight = Flight(pool, None if evaluation.isolate else evaluation.point_timeout, plan.name)
    dispatch = Dispatch(driver.session, flight, slots, ntasks, evaluation.vectorized)
    return LocalRun(plan.name, driver, dispatch, replica, shutdown=shutdown)


def _pickled_functions(learner: Any, checkpoint: str) -> list[bytes]:
    try:
        return dumps_apart(learner)[1]
    except Exception as error:
        raise CheckpointError(
            checkpoint, f"must be that of a learner that can be pickled with its function, got {error}."
        ) from error


def _make_pool(learner: Any, executor: Any, loop: asyncio.AbstractEventLoop | None, evaluation: Evaluation) -> Pool:
    if evaluation.isolate:
        if executor is None:
            raise ValueError("isolate='process' needs executor=, a ThreadPoolExecutor or a Dask client, for async def.")
        return IsolatedPool(
            executor,
            learner.function,
            evaluation.vectorized,
            evaluation.point_timeout,
            evaluation.memory_limit,
        )
    if is_asynchronous(learner):
        if evaluation.vectorized:
            raise not_both()
        workers = None if executor is None else count_workers(as_executor(executor))
        return CoroutinePool(learner.function, loop, executor, workers)
    if not isinstance(executor, SequentialExecutor):
        return ExecutorPool(executor, learner.function, evaluation.vectorized)
    if evaluation.point_timeout is not None:
        raise ValueError(
            "point_timeout= needs somebody to look at the clock while the function is evaluated, and a "
            "SequentialExecutor evaluates in a thread that has other work. Use a ThreadPoolExecutor(1)."
        )
    if loop is not None:
        return LoopPool(executor, learner.function, evaluation.vectorized, loop)
    return ExecutorPool(executor, learner.function, evaluation.vectorized)
