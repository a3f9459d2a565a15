"""Start hosted runs: pack them, send them to the scheduler, and cancel them after an interrupt."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from distributed import Client

from adaptive_dask.cluster.client import ensure_host, request
from adaptive_dask.cluster.protocol import Route, RunSettings, RunSpec
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.learner.function_pickle import dumps_apart
from adaptive_dask.plain import safe_str
from adaptive_dask.run.pickling import dumps, unpack_error
from adaptive_dask.runner.arguments import Plan
from adaptive_dask.user_code import guarded

if TYPE_CHECKING:
    from adaptive_dask.runner.cluster import ClusterRun

# The time to wait for an interrupted start (seconds), so that its runs can be cancelled.
WITHDRAWAL_TIMEOUT_S = 5.0

# The maximum number of runs in a message.
MAX_IN_MESSAGE = 50

# The unfinished calls of `start_later`.
_starting: WeakKeyDictionary[Client, set[asyncio.Task[None]]] = WeakKeyDictionary()


def make_spec(learner: Any, plan: Plan, known: dict[int, tuple[Any, bytes]] | None = None) -> RunSpec:
    """Pack a run for the scheduler.

    Parameters
    ----------
    learner : BaseLearner
    plan : Plan
    known : dict, optional
        Functions with their pickles, by ``id``, for runs that are started together. New functions are added.

    Raises
    ------
    TypeError
        If the function, the learner, the goal or ``on_error`` cannot be pickled.
    """
    known = {} if known is None else known

    def pickle_once(what: str, value: Any) -> bytes:
        if id(value) not in known:
            known[id(value)] = value, pickled_or_explained(what, dumps_by_value, value)
        return known[id(value)][1]

    function = pickle_once("learner.function", learner.function)
    packed, functions = pickled_or_explained("The learner (its loss function, perhaps)", dumps_apart, learner)
    # These are usually one object, which is pickled once.
    functions = [function if other == function else other for other in functions]
    on_error = plan.on_error
    return RunSpec(
        learner=packed,
        functions=functions,
        function=function,
        goal=pickled_or_explained("The goal", dumps_by_value, plan.goal),
        on_error=on_error if isinstance(on_error, str) else pickle_once("on_error", on_error),
        **{each.name: getattr(plan, each.name) for each in fields(RunSettings)},
    )


def pickled_or_explained(what: str, dump: Callable[[Any], Any], value: Any) -> Any:
    """Pickle a value of the user, or raise a `TypeError` that contains advice."""
    try:
        return guarded(dump, value)
    except Exception as error:
        raise TypeError(
            f"{what} cannot be pickled, so it cannot be sent to the cluster: {safe_str(error)}. Create such objects "
            "(locks, open files, connections) inside the function."
        ) from error


async def start_together(client: Client, runs: Sequence[ClusterRun], specs: Sequence[RunSpec]) -> None:
    """Start many runs; an error of a run does not affect the others."""
    waiting = list(zip(runs, specs, strict=True))
    try:
        await ensure_host(client)
        while waiting:
            some = waiting[:MAX_IN_MESSAGE]
            packed = await asyncio.to_thread(dumps, [spec for _, spec in some])
            if some[0][0].is_withdrawn:
                return
            for run, _ in some:
                run.is_sent = True
            replies = await request(client, Route.START_MANY, specs=packed)
            for (run, _), reply in zip(some, replies, strict=True):
                run.note_start(None if reply is None else await asyncio.to_thread(unpack_error, reply))
            del waiting[:MAX_IN_MESSAGE]
    except Exception as error:
        for run, _ in waiting:
            run.note_start(error)


def start_later(client: Client, start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start runs from a constructor, which cannot await, after earlier ones of the same asynchronous client."""
    starting = _starting.setdefault(client, set())
    task = asyncio.ensure_future(_after(frozenset(starting), start))
    starting.add(task)
    task.add_done_callback(starting.discard)


async def _after(earlier: Collection[asyncio.Task[None]], start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    if earlier:
        await asyncio.wait(earlier)
    await start()


async def wait_for_starts(client: Client) -> None:
    """Wait until the scheduler knows the runs that an asynchronous client has begun to start."""
    if starting := frozenset(_starting.get(client, ())):
        await asyncio.wait(starting)


def wait_for_start(client: Client, runs: Sequence[ClusterRun], start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Wait until runs have been started. An interrupt cancels all of them.

    Parameters
    ----------
    client : Client
        A synchronous one.
    runs : sequence of ClusterRun
    start : callable
        Starts the runs.

    Raises
    ------
    Exception
        The error of `start`.
    """
    tasks: list[asyncio.Future[Any]] = []

    async def begin() -> None:
        tasks.append(asyncio.ensure_future(start()))
        await asyncio.shield(tasks[0])  # an interrupt cancels the future that this thread waits for

    async def withdraw() -> None:
        # The scheduler accepts this even while the start is in progress.
        ours = [run.request(Route.CONTROL, action="cancel", at_once=True) for run in runs if run.is_sent]
        await asyncio.gather(*ours, return_exceptions=True)
        await asyncio.wait(tasks[:1])
        _ = tasks[0].cancelled() or tasks[0].exception()  # retrieved, so that asyncio does not log it
        for run in runs:
            if not run.is_accepted:
                run.close("cancelled", None)

    async def withdraw_even_if_interrupted() -> None:
        if tasks:
            tasks.append(asyncio.ensure_future(withdraw()))
            await asyncio.shield(tasks[-1])

    try:
        client.sync(begin)
    except BaseException:
        if not tasks or not tasks[0].done() or tasks[0].exception() is None:
            for run in runs:
                run.is_withdrawn = True
            with contextlib.suppress(TimeoutError):
                client.sync(withdraw_even_if_interrupted, callback_timeout=WITHDRAWAL_TIMEOUT_S)
        raise
