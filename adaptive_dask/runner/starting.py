"""Prepare a run on a cluster or on an executor of this process, with the arguments of a runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from distributed import Client

from adaptive_dask import config
from adaptive_dask.run.options import RunOptions
from adaptive_dask.runner.arguments import Plan
from adaptive_dask.runner.cluster import ClusterRun
from adaptive_dask.runner.cluster_start import make_spec, start_later, wait_for_start
from adaptive_dask.runner.embedded import find_client, is_local
from adaptive_dask.runner.local_start import start_locally
from adaptive_dask.runner.replica import Replica
from adaptive_dask.runner.run import Run
from adaptive_dask.runner.task import running_loop
from adaptive_dask.runner.task_options import refuse_locally


def prepare(
    learner: Any,
    plan: Plan,
    options: RunOptions,
    executor: Any,
    ioloop: asyncio.AbstractEventLoop | None,
    shutdown: bool,
    *,
    blocks: bool,
) -> tuple[Run, Callable[[], Any]]:
    """Prepare a run.

    Parameters
    ----------
    blocks : bool
        Whether the caller waits for the end of the run.

    Returns
    -------
    run : Run
    start : callable
        Starts the run.
    """
    config.check()
    if is_local(executor, learner):
        refuse_locally(options)
        local = start_locally(
            learner,
            plan,
            executor,
            loop=running_loop(),
            # Coroutines cannot run on a loop that this thread blocks.
            coroutine_loop=None if blocks else ioloop or running_loop(),
            shutdown=shutdown,
        )
        return local, partial(local.start, in_this_thread=blocks)
    spec = make_spec(learner, plan)
    client = find_client(executor)
    if blocks and client.asynchronous:
        raise TypeError("BlockingRunner would block the event loop of an asynchronous client; await a Runner's task.")
    run = hosted_run(client, plan.name, plan.id, learner)
    if shutdown:
        run.done.add_done_callback(partial(_close_client, run))
    if client.asynchronous:
        return run, lambda: start_later(client, partial(_start, run, spec))
    return run, partial(wait_for_start, client, [run], lambda: run.start(spec))


def hosted_run(client: Client, name: str, run_id: str, learner: Any, position: int = 0) -> ClusterRun:
    """Return a hosted run that is started or joined later."""
    # With an asynchronous client, the user's loop may be that of the scheduler, which no learner may block.
    loop = None if client.asynchronous else running_loop()
    return ClusterRun(client, name, Replica(learner, loop), run_id, position)


def _close_client(run: ClusterRun, _: object) -> None:
    """Close the client of a run that has ended, after its learner is saved, because saving may use the client."""
    saving = next((saving for saving in run.savings if not saving.done()), None)
    if saving is not None:
        saving.add_done_callback(partial(_close_client, run))
    elif run.client.loop is not None:
        run.client.loop.add_callback(run.client.close)


async def _start(run: ClusterRun, spec: Any) -> None:
    """Start a run; errors are errors of the run."""
    try:
        await run.start(spec)
    except Exception as error:
        run.close("failed", error)
