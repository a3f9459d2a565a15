"""attach and runs: access to all hosted runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import cloudpickle
from distributed import Client

from adaptive_dask.cluster.client import ensure_host, request
from adaptive_dask.cluster.protocol import Route
from adaptive_dask.learner.function_pickle import loads_together
from adaptive_dask.plain import check_name
from adaptive_dask.run.goals import Goal, GoalFunction
from adaptive_dask.runner.cluster import ClusterRun
from adaptive_dask.runner.cluster_start import wait_for_starts
from adaptive_dask.runner.embedded import find_client
from adaptive_dask.runner.runner import AsyncRunner
from adaptive_dask.runner.starting import hosted_run
from adaptive_dask.user_code import guarded


def attach(name: str, client: Client | None = None) -> Any:
    """Follow a run that was started by any client.

    Parameters
    ----------
    name : str
    client : distributed.Client, optional
        The current one by default.

    Returns
    -------
    AsyncRunner
        Its learner is a copy of the hosted learner, which is kept current until you drop the runner. With an
        asynchronous client, an awaitable of it.

    Raises
    ------
    RunNotFoundError
        If the scheduler hosts no run with this name.
    ValueError
        If there is no client, or if the name is invalid.
    """
    check_name(name)
    client = find_client(client, embed=False)
    if client.asynchronous:
        return asyncio.ensure_future(_attach(client, name))
    # The runner is created in this thread, because it uses the event loop of this thread.
    runner, run, snapshot = _make_runner(client, name, *client.sync(_fetch, client, name))
    client.sync(run.join, snapshot["summary"], snapshot["losses"])
    return runner


async def _attach(client: Client, name: str) -> AsyncRunner:
    runner, run, snapshot = _make_runner(client, name, *await _fetch(client, name))
    await run.join(snapshot["summary"], snapshot["losses"])
    return runner


def _make_runner(
    client: Client, name: str, learner: Any, goal: GoalFunction | None, snapshot: dict[str, Any]
) -> tuple[AsyncRunner, ClusterRun, dict[str, Any]]:
    run = hosted_run(client, name, snapshot["summary"]["id"], learner, snapshot["position"])
    return AsyncRunner._of(run, None, goal=goal), run, snapshot


async def _fetch(client: Client, name: str) -> tuple[Any, GoalFunction | None, dict[str, Any]]:
    await wait_for_starts(client)
    snapshot = await request(client, Route.SNAPSHOT, name=name)
    learner = await asyncio.to_thread(guarded, _load, snapshot["learner"], snapshot["functions"])
    return learner, await asyncio.to_thread(guarded, _load_goal, snapshot["goal"]), snapshot


def _load(learner: bytes, functions: Sequence[bytes]) -> Any:
    try:
        return loads_together(learner, functions)
    except ImportError:  # a module of the function is missing here, but the function is not needed
        return loads_together(learner, None)


def _load_goal(goal: bytes) -> GoalFunction | None:
    try:
        loaded: Goal = cloudpickle.loads(goal)
    except Exception:  # as above
        return None
    return loaded.is_reached


def runs(client: Client | None = None) -> Any:
    """List the runs that the scheduler hosts.

    Parameters
    ----------
    client : distributed.Client, optional
        The current one by default.

    Returns
    -------
    list of dict
        Name, status, npoints, loss, and more for each run, including runs that have ended recently. With an
        asynchronous client, an awaitable of it.
    """
    client = find_client(client, embed=False)

    async def ask() -> list[dict[str, Any]]:
        await ensure_host(client)
        await wait_for_starts(client)
        return list(await request(client, Route.RUNS))

    return asyncio.ensure_future(ask()) if client.asynchronous else client.sync(ask)
