"""Requests of watchers for news about runs."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from adaptive_dask.cluster.scheduler_feed import Feed, Subscription
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.cluster.scheduler_runs import RunTable
from adaptive_dask.run.pickling import PackedError

# The longest time that a request may wait (seconds), and the largest number of runs that it may name.
MAX_WAIT_S = 60.0
MAX_WATCHED_RUNS = 10_000

# The maximum number of runs in a reply, which the event loop has to create and pack.
MAX_RUNS_PER_REPLY = 200

# The types of the key, id, position and version of a run in a request.
_TYPES: list[set[type]] = [{int}, {str}, {int}, {int}]


class Subscriptions:
    """Answers the requests of watchers; lives on the scheduler's event loop.

    Parameters
    ----------
    table : RunTable
    pack : callable
        Packs an error, see `HostResources.pack`.
    """

    def __init__(self, table: RunTable, pack: Callable[[BaseException], Awaitable[PackedError]]) -> None:
        self._table = table
        self._pack = pack
        self._waiting: dict[str, Subscription] = {}  # by watcher

    async def watch_runs(self, watcher: Any, runs: Any, interval: Any, timeout: Any) -> dict[int, dict[str, Any]]:
        """Wait for news about runs; reply with the new results and the state of each run that has news."""
        watcher, requested, interval, timeout = check_request(watcher, runs, interval, timeout)
        known = [(key, self._table.by_id.get(id_), position, version) for key, id_, position, version in requested]
        feeds = [(run.feed, position, version) for _, run, position, version in known if run is not None]
        if feeds and len(feeds) == len(known):
            subscription = self._waiting[watcher] = Subscription()
            try:
                await wait_for_news(feeds, subscription, interval, timeout)
            finally:
                if self._waiting.get(watcher) is subscription:
                    del self._waiting[watcher]
        has_news = any(feed.has_news(position, version) for feed, position, version in feeds)
        replies: dict[int, dict[str, Any]] = {}
        # Start at a random run, so that no run is always omitted.
        first = random.randrange(len(known)) if len(known) > MAX_RUNS_PER_REPLY else 0
        for key, run, position, version in (*known[first:], *known[:first]):
            if run is None:
                replies[key] = {"unknown": True}
            elif not has_news or run.feed.has_news(position, version):
                replies[key] = await self._news(run, position)
            if len(replies) == MAX_RUNS_PER_REPLY:
                break  # the other runs follow in the next reply
        return replies

    async def nudge_watcher(self, watcher: Any) -> None:
        """Answer a request of `watch_runs` at once; with an unknown watcher, only test that there is a host."""
        if isinstance(watcher, str) and watcher in self._waiting:
            self._waiting[watcher].wake()

    async def _news(self, run: HostedRun, position: int) -> dict[str, Any]:
        chunks = run.feed.since(position)
        news = {"summary": run.summary(), "version": run.feed.version, "gap": chunks is None}
        news["results"] = [(chunk.end, chunk.data) for chunk in chunks or ()]
        if run.state.has_ended and run.error is not None:
            news["failure"] = await self._pack(run.error)
        return news


def check_request(
    watcher: Any, runs: Any, interval: Any, timeout: Any
) -> tuple[str, Sequence[tuple[int, str, int, int]], float, float]:
    """Return the arguments of a request, with times of at most `MAX_WAIT_S`.

    The key of a run is chosen by the watcher, who knows the run up to a position and a version.

    Raises
    ------
    TypeError, ValueError
        If the request is invalid.
    """
    if not isinstance(watcher, str):
        raise TypeError(f"watcher must be a str, got {type(watcher).__name__}.")
    if not isinstance(runs, list | tuple):
        raise TypeError(f"runs must be a list of (key, id, position, version), got {type(runs).__name__}.")
    if len(runs) > MAX_WATCHED_RUNS:
        raise ValueError(f"runs must name at most {MAX_WATCHED_RUNS} runs, got {len(runs)}. Send several requests.")
    # Sets of types instead of a loop, because this runs on the event loop for many runs.
    is_table = set(map(type, runs)) <= {list, tuple} and set(map(len, runs)) <= {4}
    if not is_table or [set(map(type, column)) for column in zip(*runs, strict=True)] not in ([], _TYPES):
        raise TypeError(f"runs must contain (key, id, position, version), got {runs[:3]!r:.100}.")
    for seconds in (interval, timeout):
        if type(seconds) not in (int, float) or math.isnan(seconds):
            raise TypeError(f"interval and timeout must be numbers of seconds, got {seconds!r:.100}.")
    interval, timeout = (min(max(0.0, seconds), MAX_WAIT_S) for seconds in (interval, timeout))
    return watcher, runs, interval, timeout


async def wait_for_news(
    known: Sequence[tuple[Feed, int, int]], subscription: Subscription, interval: float, timeout: float
) -> None:
    """Wait until there is news in one of several feeds.

    Parameters
    ----------
    known : sequence of (Feed, position, version)
        The position and version of each feed that the watcher knows.
    subscription : Subscription
    interval : float
        Time to collect results, in seconds. A change of a version does not wait.
    timeout : float
        The longest time to wait, in seconds.
    """
    for feed, _, _ in known:
        feed.subscribe(subscription)
    try:
        if all(version == feed.version for feed, _, version in known):
            await _wait(subscription.changes, interval)
        if not any(feed.has_news(position, version) for feed, position, version in known):
            await _wait(subscription.results, timeout)
    finally:
        for feed, _, _ in known:
            feed.unsubscribe(subscription)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
