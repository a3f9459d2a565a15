"""A run on a Dask cluster, in the process of a client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from distributed import Client, LocalCluster, Scheduler

from adaptive_dask.cluster.client import ensure_host, request, require_open
from adaptive_dask.cluster.protocol import Route, RunSpec
from adaptive_dask.errors import LearnerBusyError, RunNotFoundError, SchedulerLostError
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.learner.function_pickle import loads_together
from adaptive_dask.logs import get_logger
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.pickling import dumps, unpack, unpack_error
from adaptive_dask.run.status import ENDED, coarse_status
from adaptive_dask.run.waits import waiting_for_run
from adaptive_dask.runner import program_end
from adaptive_dask.runner.cluster_start import pickled_or_explained
from adaptive_dask.runner.replica import Callback, Replica
from adaptive_dask.runner.run import Run
from adaptive_dask.runner.watcher import Watcher
from adaptive_dask.storage.learner_copy import copy_learner, empty_copy
from adaptive_dask.user_code import guarded

logger = get_logger(__name__)

# The runs that are followed to their end even if the user drops the runner.
_held: set[ClusterRun] = set()

# The text by which the status of a run shows that it waits for workers.
LOST_WORKER_TIMEOUT = "lost-worker-timeout"

# A LocalCluster without workers for this time (seconds) has given them up.
GIVE_UP_AFTER_S = 10.0


class ClusterRun(Run):
    """A hosted run in the process of a client, which follows it and sends it commands.

    Parameters
    ----------
    client : Client
    name : str
    replica : Replica
    id : str
        Id of the run, because the name can be used again when the run has ended.
    position : int, default: 0
        Number of results that the replica has.

    Attributes
    ----------
    position, version : int
        Position and version up to which results and status are known.
    has_ended : bool
        True if the run has ended, so that there is no more news.
    details : dict
        The last result of `inspect`.
    is_sent, is_accepted : bool
        True if the run was sent to the scheduler, and if the scheduler has accepted it.
    """

    details: dict[str, Any] = {}  # noqa: RUF012  replaced, never changed

    def __init__(self, client: Client, name: str, replica: Replica, id: str, position: int = 0) -> None:
        super().__init__(name, replica)
        self.client = client
        self.id = id
        self.position = position
        self.version = -1
        self.has_ended = False
        self.is_sent = False
        self.is_accepted = False
        self._begun = asyncio.Event()  # set on the client's event loop
        self._reported = ReportedStatus()
        self._watcher: Watcher | None = None
        self._log: list[tuple[Any, ...]] | None = None
        self._giving_up: asyncio.Future[None] | None = None

    @property
    def executor(self) -> Client:
        """The client."""
        return self.client

    @property
    def asynchronous(self) -> bool:
        """True if `do` returns awaitables."""
        return bool(self.client.asynchronous)

    @property
    def outlives_program(self) -> str | None:
        """The scheduler's address; None if the run or the cluster ends with this process."""
        scheduler = self.client.scheduler
        ends = self.is_withdrawn or getattr(self.client.cluster, "shutdown_on_close", False)
        if ends or scheduler is None or any(s.address == scheduler.address for s in Scheduler._instances):
            return None
        return str(scheduler.address)

    # ---- starting; on the client's event loop

    async def start(self, spec: RunSpec) -> None:
        """Start the run and follow it."""
        try:
            await ensure_host(self.client)
            packed = await asyncio.to_thread(dumps, spec)
            if self.is_withdrawn:
                return
            self.is_sent = True
            await request(self.client, Route.START, spec=packed)
            self.started = time.time()  # on the clocks of this process, not those of the scheduler
            self._reported.note({})
            self.note_start(None)
        finally:
            self._begun.set()

    def note_start(self, error: BaseException | None) -> None:
        """Follow the run that the scheduler has started; with an error, end."""
        self._begun.set()
        if error is not None:
            self.close("failed", error)
            return
        self.is_accepted = True
        program_end.note_run(self)
        self.hold()
        self._follow()

    async def join(self, summary: dict[str, Any], losses: Sequence[tuple[float, int, float]]) -> None:
        """Follow a hosted run, given its summary and earlier losses."""
        self._note_summary(summary)
        self.losses_before = losses
        self.started = summary["started"]
        self.status = "running" if summary["status"] in ENDED else coarse_status(summary["status"])
        self._begun.set()
        self._follow()

    def _follow(self) -> None:
        self._watcher = Watcher.of(self.client)
        self._watcher.add(self)

    def hold(self) -> None:
        """Follow the run to its end even if the user drops the runner, because its learner belongs to the user."""
        if not self.done.done():
            _held.add(self)
            self.done.add_done_callback(lambda _: _held.discard(self))

    def add_callback(self, callback: Callback) -> Callback:
        """Call a function with each batch of results that arrives from now on."""
        super().add_callback(callback)
        self.hold()
        return callback

    # ---- commands; from any thread

    def do(self, call: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        """Call a command on the client's event loop, and wait for it; return a task with an asynchronous client."""
        if self.client.asynchronous:
            return asyncio.ensure_future(call(*args, **kwargs))
        require_open(self.client)
        return self.client.sync(call, *args, **kwargs)

    async def request(self, route: Route, *, at_once: bool = False, **arguments: Any) -> Any:
        """Send a request about the run, after its start unless `at_once` is true."""
        if not at_once:
            await self._begun.wait()
        return await request(self.client, route, name=self.name, run_id=self.id, **arguments)

    async def control(self, action: str) -> None:
        """Cancel, pause, resume or forget the run."""
        await self.request(Route.CONTROL, action=action)

    def cancel_soon(self) -> None:
        """Cancel the run, from any thread and without waiting for it."""
        loop: Any = self.client.loop
        if loop.asyncio_loop.is_running():
            asyncio.run_coroutine_threadsafe(self.control("cancel"), loop.asyncio_loop)

    async def tell(self, points: list[Any], values: list[Any]) -> None:
        """Tell the hosted learner results that the run did not ask for."""
        await self.request(Route.TELL, points=guarded(dumps, points), values=guarded(dumps, values))
        if self.has_ended:  # there is no more news, so they do not come back with it
            self.replica.tell(points, values)
            self.replica.apply_soon()

    async def set_goal(self, goal: Goal) -> None:
        """Set another goal of the hosted run."""
        await self.request(Route.GOAL, goal=pickled_or_explained("The goal", dumps_by_value, goal))

    async def drop(self, points: list[Any], ids: list[int]) -> list[tuple[int, Any]]:
        """Give up points that have no outcome."""
        reply = await self.request(Route.DROP, points=guarded(dumps, points), ids=ids)
        return list(guarded(unpack, reply))

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with the hosted learner."""
        payload = guarded(dumps_by_value, (function, args, kwargs))
        return guarded(unpack, await self.request(Route.CALL, payload=payload))

    async def inspect(self) -> dict[str, Any]:
        """Fetch points in flight, failures and log; after the end, return what was fetched then."""
        if not self.done.done():
            await self._inspect()
        return self.details

    async def _inspect(self) -> None:
        log_from = len(self._log or ())
        details = await asyncio.to_thread(guarded, unpack, await self.request(Route.INSPECT, log_from=log_from))
        if details["log"] is not None:
            # Two requests may overlap; each entry is added once.
            self._log = [*(self._log or ())[:log_from], *details["log"]]
        self.details = {**details, "log": self._log}

    def wait_for_results(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for results.

        A function that starts a run and waits for it occupies a thread of a worker that the run may need.
        """
        with waiting_for_run():
            self.replica.arrived.wait(timeout)

    @contextlib.contextmanager
    def borrowed_learner(self) -> Iterator[Any]:
        """Lend a copy of the hosted learner, or of the learner here if that is not available; blocks."""
        hosted = self._fetch_learner()
        with self.replica.lock:
            learner = empty_copy(self.replica.learner)
            if hosted is None:
                copy_learner(learner, self.replica.ahead())
        if hosted is not None:
            copy_learner(learner, hosted)
        yield learner

    def _fetch_learner(self) -> Any:
        """Return the hosted learner; None if all its data have arrived, or if it cannot be fetched."""
        try:
            if not self.done.done():
                loop: Any = self.client.loop
                snapshot = asyncio.run_coroutine_threadsafe(self.request(Route.SNAPSHOT), loop.asyncio_loop)
                # A client that is closed in the meantime may not reply, but then the run has ended for this process.
                with waiting_for_run():
                    concurrent.futures.wait([snapshot, self.done], return_when=concurrent.futures.FIRST_COMPLETED)
            if self.done.done():
                return None
            packed = snapshot.result()["learner"]
        except Exception as error:  # the client is closed, or the scheduler or the network has failed
            logger.debug("The hosted learner of the run %r could not be fetched: %r", self.name, error)
            return None
        return guarded(loads_together, packed, None)

    # ---- following; on the client's event loop

    @property
    def summary(self) -> dict[str, Any]:
        """The last status of the run, which is out of date if the scheduler is silent."""
        is_known = self._watcher is None or self.has_ended or self.done.done()
        return self._reported.during(0.0 if is_known or self._watcher is None else self._watcher.silence)

    @property
    def elapsed(self) -> float:
        """Duration of the run so far in seconds, on the monotonic clock."""
        return self._reported.elapsed

    def _note_summary(self, summary: dict[str, Any]) -> None:
        before, waits_for = self._reported.summary.get("waits_for") or "", summary.get("waits_for") or ""
        if LOST_WORKER_TIMEOUT in waits_for and LOST_WORKER_TIMEOUT not in before:
            logger.warning("The run %r waits for %s.", self.name, waits_for)
            self._giving_up = asyncio.ensure_future(_give_up_with_cluster(self))
        self._reported.note(summary)

    async def take(self, news: dict[str, Any]) -> None:
        """Process the reply to a request for news."""
        if news["gap"]:
            with contextlib.suppress(LearnerBusyError):  # it is requested again
                await self._catch_up()
        for end, data in news["results"]:
            self.position = end
            self.replica.tell_packed(data)
        self.version = news["version"]
        summary = news["summary"]
        self._note_summary(summary)
        if summary["status"] not in ENDED:
            self.show(coarse_status(summary["status"]))
            return
        self.has_ended = True
        with contextlib.suppress(LearnerBusyError):  # the run was cancelled because its learner hangs
            await self._inspect()
            if self.replica.is_foreign or self.replica.is_derived:
                snapshot = await self.request(Route.SNAPSHOT, at_once=True)
                self.replica.make_up(lambda: loads_together(snapshot["learner"], None))
        failure = news.get("failure", ()) if summary["status"] == "failed" else None
        self.close(summary["status"], None if failure is None else await asyncio.to_thread(unpack_error, failure))

    async def _catch_up(self) -> None:
        snapshot = await self.request(Route.SNAPSHOT, at_once=True)
        self.position = snapshot["position"]
        self.replica.copy_from(lambda: loads_together(snapshot["learner"], None))

    def close(self, status: str, error: BaseException | None) -> None:
        """End the run when the replica has all results that have arrived."""
        if not self.has_ended:
            self._reported.end(status)
        self._watcher = None
        self.resolve(status, error)

    def lose(self, cause: BaseException | None = None) -> None:
        """End the run, because the scheduler cannot be reached or does not know it."""
        text = self._reported.lost_text(self.name, is_unknown=isinstance(cause, RunNotFoundError))
        error = SchedulerLostError(text)
        error.caused_by(cause)
        self.close("failed", error)


async def _give_up_with_cluster(run: ClusterRun) -> None:
    """Let a run fail if the client's LocalCluster has given up its workers."""
    cluster, deadline = run.client.cluster, time.monotonic() + GIVE_UP_AFTER_S
    while isinstance(cluster, LocalCluster) and cluster.worker_spec and not cluster.workers:
        if time.monotonic() >= deadline:
            with contextlib.suppress(Exception):  # the run or the scheduler has ended
                await run.control("give_up")
            return
        await asyncio.sleep(GIVE_UP_AFTER_S / 20)


class ReportedStatus:
    """The last summary of a hosted run.

    Attributes
    ----------
    summary : dict
        The last summary; empty at first.
    """

    def __init__(self) -> None:
        self.summary: dict[str, Any] = {}
        self._since = time.monotonic()

    def note(self, summary: dict[str, Any]) -> None:
        """Replace the summary; an empty one starts the clock of the run."""
        self.summary, self._since = summary, time.monotonic()

    @property
    def elapsed(self) -> float:
        """Duration of the run so far in seconds, on the monotonic clock."""
        seconds = float(self.summary.get("elapsed", 0.0))
        return seconds if self.summary.get("ended") else seconds + time.monotonic() - self._since

    def during(self, silence: float) -> dict[str, Any]:
        """Return the summary for display, if the scheduler has not answered for `silence` seconds."""
        if not (self.summary and silence):
            return self.summary
        waits_for = f"the scheduler, which has not answered for {silence:.0f} s"
        return {**self.summary, "status": "reconnecting", "points_per_second": 0.0, "waits_for": waits_for}

    def end(self, status: str) -> None:
        """Record that the run has ended for this process, unless the scheduler has reported it."""
        if self.summary:
            nothing = {"points_per_second": 0.0, "slots": 0, "busy": 0, "in_flight": 0, "waits_for": None}
            elapsed = self.elapsed
            ended = {"status": status, "elapsed": elapsed, "ended": self.summary["started"] + elapsed}
            self.summary = {**self.summary, **nothing, **ended}

    def lost_text(self, name: str, *, is_unknown: bool) -> str:
        """Return the error message for a run whose scheduler cannot be reached, or does not know the run."""
        if is_unknown:
            text = f"The scheduler does not know the run {name!r} any more: was it restarted, or the run forgotten?"
        else:
            text = (
                "The connection to the scheduler is lost. If the scheduler lives, the run continues: "
                f"adaptive.attach({name!r}) from a new client joins it again."
            )
        path = (self.summary.get("checkpoint") or {}).get("path")
        if path is None:
            return f"{text} The learner that was passed in has the results that had arrived."
        return (
            f"{text} If it does not, its checkpoint {path} has every result: start a run of the same learner with "
            "that checkpoint= to continue."
        )
