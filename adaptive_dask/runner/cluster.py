"""A run on a Dask cluster, seen from a client: starts or joins it, follows it, and commands it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from distributed import LocalCluster, Scheduler

from adaptive_dask.cluster.client import ensure_host, request
from adaptive_dask.cluster.protocol import Route, RunSpec
from adaptive_dask.errors import LearnerBusyError, RunNotFoundError, SchedulerLostError
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.plain import get_logger, safe_str
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.pickling import dumps, unpack, unpack_error
from adaptive_dask.run.status import ENDED, coarse_status
from adaptive_dask.run.waits import waiting_for_run
from adaptive_dask.runner import program_end
from adaptive_dask.runner.arguments import Plan
from adaptive_dask.runner.calls import name_run
from adaptive_dask.runner.replica import Replica
from adaptive_dask.runner.watcher import Watcher
from adaptive_dask.storage.learner_copy import copy_learner, empty_copy
from adaptive_dask.user_code import guarded

if TYPE_CHECKING:
    from distributed import Client

# An interrupted start is waited for, so that what it started can be cancelled (seconds).
WITHDRAWAL_TIMEOUT_S = 5.0

logger = get_logger(__name__)

# Of runs that are started together, so many go with one message.
AT_ONCE = 50

_held: set[ClusterRun] = set()

# What a run that waits for workers names when its cluster has given them up.
LOST_WORKER_TIMEOUT = "lost-worker-timeout"

# A LocalCluster without workers for this time (seconds) is not starting one, but has given them up.
GIVE_UP_AFTER_S = 10.0


def make_spec(learner: Any, plan: Plan, known: dict[int, tuple[Any, bytes]] | None = None) -> RunSpec:
    """Pack all that the scheduler needs for a run.

    Parameters
    ----------
    learner : BaseLearner
    plan : Plan
    known : dict, optional
        Functions that other runs of the same call have too, by ``id``, each with its pickle; is filled.

    Raises
    ------
    TypeError
        If the function, the learner, the goal or ``on_error`` cannot be pickled; says which and why.
    """
    known = {} if known is None else known

    def pickled(what: str, value: Any) -> bytes:
        if id(value) not in known:
            known[id(value)] = value, _pickled(what, dumps_by_value, value)
        return known[id(value)][1]

    function = pickled("learner.function", learner.function)
    packed, functions = _pickled("The learner (its loss function, perhaps)", dumps_apart, learner)
    # Mostly they are the same; one object is pickled once.
    functions = [function if other == function else other for other in functions]
    on_error = plan.on_error
    return RunSpec(
        name=plan.name,
        learner=packed,
        functions=functions,
        function=function,
        goal=_pickled("The goal", dumps_by_value, plan.goal),
        weight=plan.weight,
        on_error=on_error if isinstance(on_error, str) else pickled("on_error", on_error),
        evaluation=plan.evaluation,
        tasks=plan.tasks,
        drain=plan.drain,
        session=plan.session,
        checkpoint=plan.checkpoint,
        id=plan.id,
    )


def _pickled(what: str, dump: Callable[[Any], Any], value: Any) -> Any:
    try:
        return guarded(dump, value)
    except Exception as error:
        raise TypeError(
            f"{what} cannot be pickled, so it cannot be sent to the cluster: {safe_str(error)}. Create what cannot be "
            "sent (locks, open files, connections) inside the function instead."
        ) from error


class ClusterRun:
    """The client's end of a hosted run.

    Parameters
    ----------
    client : Client
    name : str
    replica : Replica
    id : str
        Of the run. It is followed by that, for its name may be used again when it has ended.
    position : int, default: 0
        How many of the run's results the replica has.

    Attributes
    ----------
    done : concurrent.futures.Future
        Resolved when the run has ended and the replica has all its results: with None, with the error
        of a failed run, or cancelled.
    status : str
        running, paused, finished, cancelled or failed; never ahead of the replica.
    position, version : int
        Up to where results and status are known.
    has_ended : bool
        Whether there will be no more news.
    details : dict
        What `inspect` fetched last.
    is_withdrawn : bool
        Whether it was interrupted while it was being started, and is to end.
    """

    def __init__(self, client: Client, name: str, replica: Replica, id: str, position: int = 0) -> None:
        self.client = client
        self.name = name
        self.id = id
        self.replica = replica
        self.done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.status = "running"
        self._summary: dict[str, Any] = {}
        self._summed_up = time.monotonic()
        self._watcher: Watcher | None = None
        self.started = time.time()
        self.position = position
        self.version = -1
        self.has_ended = False
        self.is_withdrawn = False
        self._is_sent = False  # to the scheduler
        self._is_taken = False  # the scheduler has it, and it was started here
        self._begun = asyncio.Event()  # set on the client's event loop
        self.details: dict[str, Any] = {}
        self.losses_before: Sequence[tuple[float, int, float]] = ()
        self._log: list[tuple[Any, ...]] | None = None
        self._giving_up: asyncio.Future[None] | None = None

    @property
    def executor(self) -> Client:
        """The client."""
        return self.client

    @property
    def asynchronous(self) -> bool:
        """Whether `do` returns awaitables."""
        return bool(self.client.asynchronous)

    @property
    def user_loop(self) -> None:
        """The run goes on without anybody here."""
        return None

    @property
    def is_evaluated_by_who_waits(self) -> bool:
        """Workers evaluate."""
        return False

    @property
    def outlives_program(self) -> str | None:
        """The scheduler's address; None if the cluster ends with this process, or this run with its start."""
        cluster = self.client.cluster
        scheduler = self.client.scheduler
        ends = self.is_withdrawn or getattr(cluster, "shutdown_on_close", False)
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
            self._is_sent = True
            await request(self.client, Route.START, spec=packed)
            self.started, self._summed_up = time.time(), time.monotonic()  # by the clocks here, not the scheduler's
            self._is_taken = True
            program_end.note_run(self)
            self.hold()
            self.follow()
        finally:
            self._begun.set()

    async def join(self, summary: dict[str, Any], losses: Sequence[tuple[float, int, float]]) -> None:
        """Follow a run that is hosted already, stands like that, and had these losses on the way."""
        self._note_summary(summary)
        self.losses_before = losses
        self.started = summary["started"]
        self.status = "running" if summary["status"] in ENDED else coarse_status(summary["status"])
        self._begun.set()
        self.follow()

    def follow(self) -> None:
        """Keep the replica current until the run ends, as long as somebody holds this object."""
        self._watcher = Watcher.of(self.client)
        self._watcher.add(self)

    def hold(self) -> None:
        """Follow the run to its end, also when nobody holds this object: the learner is the user's, say."""
        if not self.done.done():
            _held.add(self)
            self.done.add_done_callback(lambda _: _held.discard(self))

    @property
    def known(self) -> tuple[str, int, int]:
        """For a request for news: the run's id, and up to where results and status are known."""
        return self.id, self.position, self.version

    def is_started(self, error: BaseException | None) -> None:
        """The scheduler has taken the run, or says what is wrong with it."""
        self._begun.set()
        if error is None:
            self._is_taken = True
            program_end.note_run(self)
            self.hold()
            self.follow()
        else:
            self.close("failed", error)

    # ---- commands; from any thread

    def do(self, call: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        """Do something on the client's event loop: block for it, or with an asynchronous client return a task."""
        if self.client.asynchronous:
            return asyncio.ensure_future(call(*args, **kwargs))
        return self.client.sync(call, *args, **kwargs)

    async def control(self, action: str) -> None:
        """Have the run cancelled, paused, resumed or forgotten."""
        await self._request(Route.CONTROL, action=action)

    def cancel_soon(self) -> None:
        """Have the run cancelled, without waiting for it; from any thread."""
        loop: Any = self.client.loop
        if loop.asyncio_loop.is_running():
            asyncio.run_coroutine_threadsafe(self.control("cancel"), loop.asyncio_loop)

    async def tell(self, points: list[Any], values: list[Any]) -> None:
        """Tell the hosted learner results from elsewhere."""
        await self._request(Route.TELL, points=guarded(dumps, points), values=guarded(dumps, values))

    async def set_goal(self, goal: Goal) -> None:
        """Give the hosted run another goal."""
        await self._request(Route.GOAL, goal=_pickled("The goal", dumps_by_value, goal))

    async def drop(self, points: list[Any], ids: list[int]) -> list[tuple[int, Any]]:
        """Have points given up that have no outcome yet."""
        reply = await self._request(Route.DROP, points=guarded(dumps, points), ids=ids)
        return list(guarded(unpack, reply))

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Have ``function(learner, *args, **kwargs)`` called with the hosted learner."""
        payload = guarded(dumps_by_value, (function, args, kwargs))
        return guarded(unpack, await self._request(Route.CALL, payload=payload))

    def wait_for_results(self, timeout: float) -> None:
        """Sleep until something has arrived for the replica, for so many seconds at most.

        A function that starts a run and waits for it holds a thread of a worker that the run may need.
        """
        with waiting_for_run():
            self.replica.arrived.wait(timeout)

    @contextlib.contextmanager
    def borrowed_learner(self) -> Iterator[Any]:
        """A copy of the hosted learner, or if it is not to be had, of what arrived here; in a thread that may block."""
        hosted = self._fetch_learner()
        with self.replica.lock:
            learner = empty_copy(self.replica.learner)
            if hosted is None:
                copy_learner(learner, self.replica.ahead())
        if hosted is not None:
            copy_learner(learner, hosted)
        yield learner

    def _fetch_learner(self) -> Any:
        """The hosted learner. None when all its data are here, or when it cannot be reached."""
        try:
            if not self.done.done():
                loop: Any = self.client.loop
                request = asyncio.run_coroutine_threadsafe(self._request(Route.SNAPSHOT), loop.asyncio_loop)
                # A client that is closed meanwhile need not answer; but then the run is over for this process.
                with waiting_for_run():
                    concurrent.futures.wait([request, self.done], return_when=concurrent.futures.FIRST_COMPLETED)
            if self.done.done():
                return None
            snapshot = request.result()
        except Exception as error:  # the client is closed, or scheduler or network are gone
            logger.debug("The hosted learner of the run %r was not to be had: %r", self.name, error)
            return None
        return guarded(loads_together, snapshot["learner"], None)

    async def inspect(self) -> dict[str, Any]:
        """Points on their way, failures and log; after the end, what they were then."""
        if not self.done.done():
            await self._inspect()
        return self.details

    async def _inspect(self) -> None:
        log_from = len(self._log or ())
        reply = await self._request(Route.INSPECT, log_from=log_from)
        details = await asyncio.to_thread(guarded, unpack, reply)
        if details["log"] is not None:
            # Two requests may cross; an entry is taken once.
            self._log = [*(self._log or ())[:log_from], *details["log"]]
        details["log"] = self._log
        self.details = details

    async def _request(self, route: Route, **arguments: Any) -> Any:
        await self._begun.wait()  # a command may come before the run has started
        return await self._request_at_once(route, **arguments)

    async def _request_at_once(self, route: Route, **arguments: Any) -> Any:
        return await request(self.client, route, name=self.name, run_id=self.id, **arguments)

    def close_client(self) -> None:
        """Close the client; from any thread, and without waiting for it."""
        loop = self.client.loop
        if loop is not None:
            loop.add_callback(self.client.close)

    # ---- following; on the client's event loop

    @property
    def summary(self) -> dict[str, Any]:
        """How the run stands; while the scheduler is silent that is not known, and what it said last is not shown."""
        summary = self._summary
        silence = 0.0 if self._watcher is None or self.has_ended or self.done.done() else self._watcher.silence
        if not summary or not silence:
            return summary
        since = f"the scheduler, which has not answered for {silence:.0f} s"
        return {**summary, "status": "reconnecting", "points_per_second": 0.0, "waits_for": since}

    @property
    def elapsed(self) -> float:
        """For how many seconds it has been going on, or went on."""
        said = self._summary.get("elapsed", 0.0)
        return float(said if self._summary.get("ended") else said + time.monotonic() - self._summed_up)

    def _note_summary(self, summary: dict[str, Any]) -> None:
        before, waits_for = self._summary.get("waits_for") or "", summary.get("waits_for") or ""
        if LOST_WORKER_TIMEOUT in waits_for and LOST_WORKER_TIMEOUT not in before:
            logger.warning("The run %r waits for %s.", self.name, waits_for)
            self._giving_up = asyncio.ensure_future(self._give_up_with_cluster())
        self._summary, self._summed_up = summary, time.monotonic()

    async def _give_up_with_cluster(self) -> None:
        """Have the run fail if the client's LocalCluster should have workers, and starts none."""
        cluster, deadline = self.client.cluster, time.monotonic() + GIVE_UP_AFTER_S
        while isinstance(cluster, LocalCluster) and cluster.worker_spec and not cluster.workers:
            if time.monotonic() >= deadline:
                with contextlib.suppress(Exception):  # the run has ended, or the scheduler
                    await self.control("give_up")
                return
            await asyncio.sleep(GIVE_UP_AFTER_S / 20)

    async def take(self, news: dict[str, Any]) -> None:
        """Take what a request for news was answered with."""
        if news["gap"]:
            with contextlib.suppress(LearnerBusyError):  # what is missing stays missing, and is asked for again
                await self._catch_up()
        for end, data in news["results"]:
            self.position = end
            self.replica.tell_packed(data)
        self.version = news["version"]
        summary = news["summary"]
        self._note_summary(summary)
        if summary["status"] in ENDED:
            self.has_ended = True
            with contextlib.suppress(LearnerBusyError):  # the run was cancelled because its learner hangs
                await self._inspect()
                if self.replica.is_foreign or self.replica.is_derived:
                    snapshot = await self._request_at_once(Route.SNAPSHOT)
                    self.replica.make_up(lambda: loads_together(snapshot["learner"], None))
            failure = news.get("failure", ()) if summary["status"] == "failed" else None
            self.close(summary["status"], None if failure is None else await asyncio.to_thread(unpack_error, failure))
        else:
            self.replica.then(lambda: self._set_status(coarse_status(summary["status"])))

    async def _catch_up(self) -> None:
        snapshot = await self._request_at_once(Route.SNAPSHOT)
        self.position = snapshot["position"]
        self.replica.copy_from(lambda: loads_together(snapshot["learner"], None))

    def close(self, status: str, error: BaseException | None) -> None:
        """Come to an end, once the replica has all results before it."""
        if self._summary and not self.has_ended:  # the scheduler has not said how it ended
            nothing = {"points_per_second": 0.0, "slots": 0, "busy": 0, "in_flight": 0, "waits_for": None}
            elapsed = self.elapsed
            ended = {"status": status, "elapsed": elapsed, "ended": self._summary["started"] + elapsed}
            self._summary = {**self._summary, **nothing, **ended}
        self._watcher = None

        def close() -> None:
            self.status = status
            if self.done.done():
                return
            if status == "cancelled":
                self.done.cancel()
                self.done.set_running_or_notify_cancel()
            elif error is not None:
                name_run(error, self.name, self.replica.learner)
                self.done.set_exception(error)
            else:
                self.done.set_result(None)

        self.replica.then(close)

    def _set_status(self, status: str) -> None:
        self.status = status

    def lose(self, cause: BaseException | None = None) -> None:
        """The scheduler cannot be reached, or does not know the run."""
        if isinstance(cause, RunNotFoundError):
            text = (
                f"The scheduler does not know the run {self.name!r} any more: was it restarted, or the run forgotten?"
            )
        else:
            text = self._lost_text()
        error = SchedulerLostError(f"{text} {self._what_is_left()}")
        error.caused_by(cause)
        self.close("failed", error)

    def _lost_text(self) -> str:
        return (
            f"The connection to the scheduler is lost. If it lives, the run goes on: "
            f"adaptive.attach({self.name!r}) from a new client joins it again."
        )

    def _what_is_left(self) -> str:
        path = (self._summary.get("checkpoint") or {}).get("path")
        if path is None:
            return "The learner that was passed in has the results that had arrived."
        return (
            f"If it does not, its checkpoint {path} has every result: start a run of the same learner with that "
            "checkpoint=, and it goes on from there."
        )


async def start_together(client: Client, runs: Sequence[ClusterRun], specs: Sequence[RunSpec]) -> None:
    """Start many runs, some with each message; what is wrong with one is this run's error."""
    waiting = list(zip(runs, specs, strict=True))
    try:
        await ensure_host(client)
        while waiting:
            some = waiting[:AT_ONCE]
            packed = await asyncio.to_thread(dumps, [spec for _, spec in some])
            if some[0][0].is_withdrawn:
                return
            for run, _ in some:
                run._is_sent = True
            replies = await request(client, Route.START_MANY, specs=packed)
            for (run, _), reply in zip(some, replies, strict=True):
                run.is_started(None if reply is None else await asyncio.to_thread(unpack_error, reply))
            del waiting[:AT_ONCE]
    except Exception as error:
        for run, _ in waiting:
            run.is_started(error)


def wait_for_start(client: Client, runs: Sequence[ClusterRun], start: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start runs, and wait until they have been started; if that is interrupted, none of them goes on.

    Parameters
    ----------
    client : Client
        A synchronous one.
    runs : sequence of ClusterRun
    start : callable
        Starts them.

    Raises
    ------
    Exception
        What `start` raises.
    """
    tasks: list[asyncio.Future[Any]] = []

    async def begin() -> None:
        tasks.append(asyncio.ensure_future(start()))
        await asyncio.shield(tasks[0])  # an interrupt of this thread cancels what it waits for

    async def withdraw() -> None:
        # At once, as the scheduler takes note also when the start is still under way.
        ours = [run._request_at_once(Route.CONTROL, action="cancel") for run in runs if run._is_sent]
        await asyncio.gather(*ours, return_exceptions=True)
        await asyncio.wait(tasks[:1])
        _ = tasks[0].cancelled() or tasks[0].exception()  # looked at, so that asyncio does not complain
        for run in runs:
            if not run._is_taken:
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
