"""Follow all runs of a client with one request at a time."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import time
import uuid
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from distributed import Client

from adaptive_dask import config
from adaptive_dask.cluster.client import request
from adaptive_dask.cluster.protocol import Route
from adaptive_dask.cluster.scheduler_subscriptions import MAX_WATCHED_RUNS
from adaptive_dask.errors import RunNotFoundError, SchedulerLostError
from adaptive_dask.logs import get_logger
from adaptive_dask.runner import program_end

if TYPE_CHECKING:
    from adaptive_dask.runner.cluster import ClusterRun

logger = get_logger(__name__)

# The scheduler answers after this time even without results (seconds).
PATIENCE = 5.0

# The pause between requests (seconds per run), because the cost of a request grows with the number of runs.
PAUSE = 1e-4

# The maximum number of concurrent requests for the details of runs that have ended.
AT_ONCE = 8

# The scheduler counts as silent after this time without an answer (seconds).
SILENCE = PATIENCE + 5.0

# The time for which a client tries to reconnect (seconds).
RECONNECT = 30.0

# The time to wait for watchers at the end of the program (seconds).
STOP_TIMEOUT_S = 2.0


class Watcher:
    """Fetches news for all runs of a client until they have ended; used on the client's event loop.

    Parameters
    ----------
    client : Client
    """

    _of: dict[Client, Watcher] = {}  # noqa: RUF012  those at work

    def __init__(self, client: Client) -> None:
        self.id = uuid.uuid4().hex
        self._client = client
        self._runs: dict[int, weakref.ref[ClusterRun]] = {}
        self._keys = itertools.count()
        self._is_waiting = False
        self._asked_at: float | None = None  # monotonic time of the request that waits for an answer
        self._lost_at: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nudging: asyncio.Future[None] | None = None

    @classmethod
    def of(cls, client: Client) -> Watcher:
        """Return the watcher of a client, created at the first call."""
        watcher = cls._of.get(client)
        if watcher is None:
            watcher = cls._of[client] = cls(client)
            program_end.close_at_end(cls.stop_all)
        return watcher

    def add(self, run: ClusterRun) -> None:
        """Keep a run current until it ends, or until it is garbage collected."""
        self._runs[next(self._keys)] = weakref.ref(run)
        if self._task is None:
            self._task = asyncio.ensure_future(self._watch())
        elif self._is_waiting and self._nudging is None:
            self._nudging = asyncio.ensure_future(self._nudge())

    @property
    def silence(self) -> float:
        """Seconds since the scheduler fell silent; 0 while it answers. May be read in any thread."""
        now, lost_at, asked_at = time.monotonic(), self._lost_at, self._asked_at
        if lost_at is not None:
            return max(now - lost_at, 1e-9)
        return now - asked_at if asked_at is not None and now > asked_at + SILENCE else 0.0

    async def _watch(self) -> None:
        try:
            while self._drop_unheld():
                await self._fetch()
                await asyncio.sleep(PAUSE * len(self._runs))
        except asyncio.CancelledError:
            self._lose_all(None)
            raise
        except Exception as error:
            self._lose_all(error)
        finally:
            del self._of[self._client]

    async def _fetch(self) -> None:
        interval = config.get("client.update-interval")  # for which the scheduler collects results before it answers
        while True:
            # Other runs follow when some of these have ended.
            some = itertools.islice(self._held(), MAX_WATCHED_RUNS)
            # No reference to a run may exist while the request waits.
            runs = [(key, run.id, run.position, run.version) for key, run in some]
            self._is_waiting = True
            self._asked_at = time.monotonic()
            try:
                news = await request(
                    self._client, Route.WATCH, watcher=self.id, runs=runs, interval=interval, timeout=PATIENCE
                )
                break
            except SchedulerLostError:
                self._lost_at = self._lost_at or time.monotonic()
                if self._client.status in ("closed", "closing") or self.silence > RECONNECT:
                    raise
                await asyncio.sleep(interval)
            finally:
                self._is_waiting = False
        self._asked_at = self._lost_at = None
        await asyncio.gather(*(self._take(key, one) for key, one in news.items()))

    def _held(self) -> Iterator[tuple[int, ClusterRun]]:
        """Yield the runs that still exist, with their keys."""
        return ((key, run) for key, ref in list(self._runs.items()) if (run := ref()) is not None)

    def _drop_unheld(self) -> bool:
        """Remove runs that were garbage collected; return True if any are left."""
        self._runs = {key: ref for key, ref in self._runs.items() if ref() is not None}
        return bool(self._runs)

    async def _take(self, key: int, news: dict[str, Any]) -> None:
        ref = self._runs.get(key)
        run = None if ref is None else ref()
        if run is None:
            return
        try:
            if "unknown" in news:
                raise RunNotFoundError(f"The scheduler does not know the run {run.name!r} any more.")
            async with self._turns:
                await run.take(news)
        except RunNotFoundError as error:
            run.lose(error)
        except SchedulerLostError:
            return  # requested again
        except Exception as error:
            logger.exception("Following the run %r failed", run.name)
            run.close("failed", error)
        else:
            if not run.has_ended:
                return
        self._runs.pop(key, None)

    @classmethod
    def stop_all(cls) -> None:
        """Stop all watchers, from any thread. The runs keep their last status."""

        async def stop(watcher: Watcher) -> None:
            watcher._runs.clear()
            if watcher._task is not None:
                watcher._task.cancel()
                await asyncio.wait([watcher._task])

        stops = []
        for client, watcher in list(cls._of.items()):
            loop: Any = client.loop
            if loop.asyncio_loop.is_running():
                stops.append(asyncio.run_coroutine_threadsafe(stop(watcher), loop.asyncio_loop))
        concurrent.futures.wait(stops, timeout=STOP_TIMEOUT_S)

    def _lose_all(self, error: BaseException | None) -> None:
        for _, run in self._held():
            run.lose(error)
        self._runs.clear()

    async def _nudge(self) -> None:
        """Let the scheduler answer the waiting request, so that the next one includes new runs."""
        try:
            await request(self._client, Route.NUDGE, watcher=self.id)
        except (SchedulerLostError, RunNotFoundError) as error:
            logger.debug("The host could not be reached: %r", error)
        finally:
            self._nudging = None
