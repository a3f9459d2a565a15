"""LearnerHost: the scheduler plugin that hosts runs.

The first Runner of a cluster registers it. A scheduler can bring it along as well::

    dask scheduler --preload adaptive_dask.cluster.scheduler
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import dask
from dask.utils import parse_timedelta
from distributed import Client, SchedulerPlugin
from tornado.ioloop import PeriodicCallback

from adaptive_dask import entry
from adaptive_dask.cluster import scheduler_feed, scheduler_memory
from adaptive_dask.cluster.loading import loading_on_scheduler
from adaptive_dask.cluster.protocol import REPORT, STOP, Report, Route, RunSpec
from adaptive_dask.cluster.scheduler_evaluators import declare_duration
from adaptive_dask.cluster.scheduler_feed import Subscription, check_request, wait_for_news
from adaptive_dask.cluster.scheduler_holders import Holders
from adaptive_dask.cluster.scheduler_learner import HostedLearner
from adaptive_dask.cluster.scheduler_remote_results import RemoteResults
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.cluster.scheduler_shares import Shares
from adaptive_dask.cluster.scheduler_switch import switch_as_before, switch_soon
from adaptive_dask.cluster.scheduler_threads import CALL_TIMEOUT_S, CallThreads, ThreadCall
from adaptive_dask.cluster.scheduler_traces import HOST_CLIENT, forget_topic
from adaptive_dask.cluster.versions import check_versions
from adaptive_dask.errors import (
    AdaptiveError,
    LearnerBusyError,
    RunExistsError,
    RunNotFoundError,
    VersionMismatchError,
)
from adaptive_dask.plain import get_logger
from adaptive_dask.run.pickling import PackedError, dumps, pack_error, unpack
from adaptive_dask.run.status import ENDED
from adaptive_dask.storage.checkpoint import Checkpoint

if TYPE_CHECKING:
    from distributed import Scheduler
    from distributed.scheduler import WorkerState

    from adaptive_dask.run.session import Session

S = TypeVar("S")
T = TypeVar("T")

logger = get_logger(__name__)

# Runs that have ended stay, so that others can fetch their results: so many, and more while together they
# have no more points, and functions of no more bytes, than that. Then the oldest go, but none that is watched: its
# watchers need its end.
MAX_ENDED_RUNS = 32
MAX_ENDED_POINTS = 1_000_000
# Of those, all but the newest go when they have more points together than that, which is some GB.
MAX_RECENT_POINTS = 10_000_000
MAX_FUNCTION_BYTES = 64 * 2**20

# No memory holds so many: it is what a learner of somebody's own says.
MAX_PLAUSIBLE_POINTS = 10**12

# Learners are mostly Python, so more threads than a few only wait for each other.
MAX_LEARNER_THREADS = 4

# Dask's setting of the time after which a call of a learner keeps others waiting no more; the least that it can be
# (seconds); and how many times as long the loading of a learner may take, which includes imports.
TIMEOUT_SETTING = "adaptive-dask.learner-timeout"
MIN_LEARNER_TIMEOUT_S = 0.01
LOADING_FACTOR = 12

# Checkpoints that are opened or closed at a time: each may wait for a lock or a disk, and costs nothing then.
MAX_CHECKPOINT_THREADS = 64

# So many runs are remembered that were cancelled before they came.
MAX_CANCELLED_IDS = 10_000

# Error messages show so much of what was sent, and name so many runs.
MAX_SHOWN_CHARS = 200
MAX_NAMED_RUNS = 20

# A reply to a watcher is about so many runs at most: what it takes to make and pack it holds the event loop.
MAX_RUNS_PER_REPLY = 500

# A scheduler that closes gives its runs so long to end, all together (seconds).
CLOSE_TIMEOUT_S = 2.0

# Memory of runs that are forgotten within so long (seconds) is given back at once.
TRIM_DELAY_S = 1.0

# A worker that leaves in one of these ways (the start of Dask's stimulus) was not killed by a point.
CLEAN_EXITS = ("retire", "scheduler-restart", "restart", "worker-close-gracefully")


class LearnerHost(SchedulerPlugin):
    """Keeps the hosted runs, and takes what arrives to the run that it is for.

    Routes (see `adaptive_dask.cluster.protocol.Route`) raise to their caller. The stream handler raises
    never: it would cost the worker that sent the message its connection.
    """

    name = "adaptive"
    idempotent = True

    def __init__(self) -> None:
        self.runs: dict[str, HostedRun] = {}
        self._starting: set[str] = set()
        self._client: Client | None = None
        self._client_lock: asyncio.Lock | None = None
        self._threads: CallThreads | None = None
        self._checkpoint_threads: CallThreads | None = None
        self._loading_threads: CallThreads | None = None
        self._closing: set[asyncio.Future[Any]] = set()
        self._freeing: set[asyncio.Future[Any]] = set()  # runs that were forgotten
        self._by_id: dict[str, HostedRun] = {}  # those that go on
        self._hosted: dict[str, HostedRun] = {}  # all by id, also those whose names were used again since
        self._unwanted: dict[str, None] = {}  # ids that were cancelled before their runs were started
        self._hanging: dict[str, HostedRun] = {}  # those that are over, while calls of theirs go on
        self._subscriptions: dict[str, Subscription] = {}  # of the watchers that wait
        self._has_pages: bool | None = None  # on the scheduler's dashboard
        self._requests = 0  # that are being answered
        self._runs_freed = 0
        self._letting_go: asyncio.TimerHandle | None = None  # of runs that are watched yet
        self._serving: set[str] = set()  # the workers that have a `PointService`, as they asked for a function

    # ---- the plugin's life

    async def start(self, scheduler: Scheduler) -> None:
        # Without a single await, so that two clients who register at once do not both get here.
        self._scheduler = scheduler
        self._client_lock = asyncio.Lock()
        self._remote_results = RemoteResults(scheduler)
        self._shares = Shares(scheduler, self._active)
        self._holders = Holders(scheduler, self._active)
        scheduler.stream_handlers[REPORT] = self._report
        routes: dict[str, Callable[..., Awaitable[Any]]] = {
            Route.START: self.start_run,
            Route.START_MANY: self.start_runs,
            Route.RUNS: self.list_runs,
            Route.WATCH: self.watch_runs,
            Route.NUDGE: self.nudge_watcher,
            Route.SNAPSHOT: self.snapshot_run,
            Route.INSPECT: self.inspect_run,
            Route.CALL: self.call_run,
            Route.TELL: self.tell_run,
            Route.DROP: self.drop_points,
            Route.GOAL: self.set_goal,
            Route.CONTROL: self.control_run,
            Route.FUNCTION: self.fetch_function,
            Route.KEEP: self.keep_result,
        }
        for route, handler in routes.items():
            scheduler.handlers[route] = self._answering(handler)
        # An idle_timeout must not close a scheduler whose run is waiting for something.
        self._keep_open = PeriodicCallback(self._note_activity, 500)
        declare_duration(scheduler)
        if self._has_pages is None:  # Dask starts a plugin that was preloaded twice
            self._has_pages = _serve_pages(scheduler)

    async def before_close(self) -> None:
        active = self._active()
        for run in active:
            run.cancel()
        await asyncio.gather(*(run.wait(CLOSE_TIMEOUT_S) for run in active))
        for freeing in list(self._freeing):
            freeing.cancel()
        self._shares.stop()
        if self._letting_go is not None:
            self._letting_go.cancel()
        await self._let_go()

    def restart(self, scheduler: Scheduler) -> None:
        """All tasks are forgotten and all workers restart; the runs go on with the new ones."""
        for run in self._active():
            for worker in list(run.assignments.loads):
                run.lose(worker, blame=False)

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        for run in self._active():
            run.place_anew()
        self._shares.update_soon()

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **kwargs: Any) -> None:
        self._serving.discard(worker)
        for run in self._active():
            run.lose(worker, blame=not stimulus_id.startswith(CLEAN_EXITS))
        for run in list(self._hanging.values()):
            self._note_hanging(worker, run, 0)
        self._shares.update_soon()

    def log_event(self, topic: str, msg: Any) -> None:
        forget_topic(self._scheduler, topic, msg)

    def valid_workers_downscaling(self, scheduler: Scheduler, workers: list[WorkerState]) -> list[WorkerState]:
        """A cluster that adapts must not choose workers that are evaluating."""
        active = self._active()
        return [worker for worker in workers if not any(run.is_busy_on(worker.address) for run in active)]

    # ---- the stream

    def _report(self, worker: str = "", run: str = "", **fields: Any) -> None:
        try:
            if worker not in self._serving:
                fields.pop("slots", None)  # whatever it says: a message that it has no handler for would cost it dearly
            hosted = self._by_id.get(run)
            if hosted is not None:
                hosted.report(worker, Report.check(**fields))
                return
            ended = self._hosted.get(run)
            if ended is not None:
                self._note_hanging(worker, ended, Report.check(**fields).hung)
            if fields.get("slots") and worker in self._scheduler.stream_comms:  # it came to work when the run was over
                self._scheduler.worker_send(worker, {"op": STOP, "run": run})
        except Exception:
            logger.exception("A report of worker %s about run %s was refused", worker, run)

    def _note_hanging(self, worker: str, run: HostedRun, count: int) -> None:
        """Calls of a run that is over go on."""
        run.note_hung(worker, count if worker in self._scheduler.workers else 0)
        if run.hung:
            self._hanging[run.id] = run
        elif self._hanging.pop(run.id, None) is not None:
            self._shares.update_soon()  # others may have waited for that

    # ---- routes

    async def start_run(self, spec: bytes) -> str:
        """Host a run; replies with its name. The client makes the id, so it can cancel what it has no reply to."""
        return await self._host(await self._apart(unpack, spec))

    async def start_runs(self, specs: bytes) -> list[PackedError | None]:
        """Host many runs; replies for each with None, or with the error that kept it from starting."""
        unpacked: list[RunSpec] = await self._apart(unpack, specs)
        # In order, but for those that have to wait, for a checkpoint or a learner that is slow to load.
        hosting = []
        for spec in unpacked:
            hosting.append(asyncio.ensure_future(self._try_to_host(spec)))
            if spec.checkpoint is None:
                await asyncio.wait(hosting[-1:], timeout=self._learner_threads().timeout)
        return await asyncio.gather(*hosting)

    async def _try_to_host(self, spec: RunSpec) -> PackedError | None:
        try:
            await self._host(spec)
        except Exception as error:
            return await self._pack(error)
        return None

    async def _host(self, spec: RunSpec) -> str:
        spec.check()
        name = spec.name
        known = self.runs.get(name)
        if spec.id in self._hosted:
            raise RunExistsError(f"The scheduler hosts a run with the id {_shown(spec.id)} already.")
        if name in self._starting or (known is not None and known.status not in ENDED):
            raise RunExistsError(
                f"A run named {name!r} is going on. Choose another name, watch it with adaptive.attach({name!r}), "
                "or cancel it first."
            )
        self._starting.add(name)
        try:
            learner = await self._load(spec)
            try:
                client = await self._get_client()
            except BaseException:
                await self._apart(learner.driver.close)
                raise
            run = HostedRun(
                spec,
                learner,
                self._scheduler,
                self._learner_threads,
                self._apart,
                self._shares.update_soon,
                self._ended,
                self._holders,
            )
            run.has_pages = bool(self._has_pages)
            run.start_level_with(self._shares.least_served)
            # First, or what only the run of that name before this one holds is gone.
            await self._remote_results.claim(run.id, learner.remote_keys)
            if run.id in self._unwanted:
                self._remote_results.release(run.id)
                await self._apart(learner.driver.close)
                raise RunNotFoundError(f"The run {_shown(name)} was cancelled before it was started.")
            self._supersede(name)
            self.runs[name] = self._by_id[run.id] = self._hosted[run.id] = run
            run.start(client)
            self._shares.update_soon(0.0)
        finally:
            self._starting.discard(name)
        return name

    async def _load(self, spec: RunSpec) -> HostedLearner:
        checkpoint = None
        if spec.checkpoint is not None:
            checkpoint = await self._apart(Checkpoint, spec.checkpoint, spec.name)
        if self._loading_threads is None:
            self._loading_threads = CallThreads(MAX_LEARNER_THREADS, "loading", self._learner_threads().timeout)
        timeout = LOADING_FACTOR * self._loading_threads.timeout
        is_given_up = threading.Event()
        late: list[ThreadCall] = []
        loading = self._loading_threads.begin(_load, spec, checkpoint, is_given_up, on_late=late.append)
        await asyncio.wait([loading], timeout=timeout)
        if not loading.done():
            is_given_up.set()
            loading.cancel()
            where = late[0].describe() if late else f"{timeout:.0f} s"
            raise LearnerBusyError(
                f"The learner of the run {spec.name!r} could not be loaded on the scheduler; that took {where} so far. "
                f"It may take {LOADING_FACTOR} times the scheduler's setting {TIMEOUT_SETTING} of dask.config."
            )
        return cast(HostedLearner, loading.result())

    async def list_runs(self) -> list[dict[str, Any]]:
        """How each run stands."""
        return [run.summary() for run in self.runs.values()]

    async def watch_runs(self, watcher: Any, runs: Any, interval: Any, timeout: Any) -> dict[int, dict[str, Any]]:
        """Wait for news of runs: for each results from a position on, and how it stands."""
        watcher, requested, interval, timeout = check_request(watcher, runs, interval, timeout)
        known = [(key, self._hosted.get(id_), position, version) for key, id_, position, version in requested]
        feeds = [(run.feed, position, version) for _, run, position, version in known if run is not None]
        if feeds and len(feeds) == len(known):
            subscription = self._subscriptions[watcher] = Subscription()
            try:
                await wait_for_news(feeds, subscription, interval, timeout)
            finally:
                if self._subscriptions.get(watcher) is subscription:
                    del self._subscriptions[watcher]
        has_news = any(feed.has_news(position, version) for feed, position, version in feeds)
        replies: dict[int, dict[str, Any]] = {}
        first = random.randrange(len(known)) if len(known) > MAX_RUNS_PER_REPLY else 0  # so that each gets its turn
        for key, run, position, version in (*known[first:], *known[:first]):
            if run is None:
                replies[key] = {"unknown": True}
            elif not has_news or run.feed.has_news(position, version):
                replies[key] = await self._news(run, position)
            if len(replies) == MAX_RUNS_PER_REPLY:
                break  # who asks again hears of others
        return replies

    async def nudge_watcher(self, watcher: Any) -> None:
        """Answer a request of `watch_runs` at once; nobody's name only asks whether there is a host."""
        if isinstance(watcher, str) and watcher in self._subscriptions:
            self._subscriptions[watcher].wake()

    async def _news(self, run: HostedRun, position: int) -> dict[str, Any]:
        chunks = run.feed.since(position)
        news = {"summary": run.summary(), "version": run.feed.version, "gap": chunks is None}
        news["results"] = [(chunk.end, chunk.data) for chunk in chunks or ()]
        if run.status in ENDED and run.error is not None:
            news["failure"] = await self._pack(run.error)
        return news

    # A follower of a run names it by its id, too, for its name may be another run's by now.

    async def snapshot_run(self, name: str, run_id: str | None = None) -> dict[str, Any]:
        """The learner as it is, its functions, how many results it was told, and how its loss has fallen."""
        run = self._find(name, run_id)
        learner, position = await run.in_turn(run.learner.snapshot)
        losses = [tuple(loss) for loss in run.history.some_losses()]
        told = {"position": position, "summary": run.summary(), "losses": losses}
        return {"learner": learner, "functions": run.functions, "goal": run.goal, **told}

    async def inspect_run(self, name: str, log_from: int, run_id: str | None = None) -> bytes:
        """Points on their way, failures and log."""
        run = self._find(name, run_id)
        data: bytes = await run.in_turn(run.learner.inspect, log_from)
        return data

    async def call_run(self, name: str, payload: bytes, run_id: str | None = None) -> bytes:
        """Call a function with the hosted learner, in its thread."""
        return await self._find(name, run_id).call(payload)

    async def tell_run(self, name: str, points: bytes, values: bytes, run_id: str | None = None) -> None:
        """Tell results from elsewhere."""
        await self._find(name, run_id).tell(points, values)

    async def drop_points(self, name: str, points: bytes, ids: list[int], run_id: str | None = None) -> bytes:
        """Give up points that have no outcome yet."""
        return await self._find(name, run_id).drop(points, ids)

    async def set_goal(self, name: str, goal: bytes, run_id: str | None = None) -> None:
        """Give a run another goal."""
        await self._find(name, run_id).set_goal(goal)

    async def control_run(self, name: str, action: str, run_id: str | None = None) -> None:
        """Cancel, pause, resume or forget a run; one may be cancelled before it is known."""
        if action == "cancel" and isinstance(run_id, str) and run_id not in self._hosted:
            self._unwanted[run_id] = None
            while len(self._unwanted) > MAX_CANCELLED_IDS:
                del self._unwanted[next(iter(self._unwanted))]
        run = self._find(name, run_id)
        if action == "forget":
            if run.status not in ENDED:
                raise RunExistsError(f"The run {name!r} is going on; cancel it first.")
            run.let_go()
            self._forget(run)
        elif action in ("cancel", "pause", "resume", "give_up"):
            getattr(run, action)()
        else:
            raise ValueError(f"A run can be told to cancel, pause, resume or forget, not {_shown(action)}.")

    async def fetch_function(self, run: str, worker: str = "", lifetime: Any = None) -> tuple[Any, ...] | None:
        """The function of a run by its id and how to call it, for a worker; None when the run is over."""
        hosted = self._by_id.get(run)
        function = None if hosted is None else hosted.function
        if worker in self._scheduler.workers:
            self._serving.add(worker)
            if hosted is not None and function is not None and hosted.has_evaluator_on(worker):
                # Points for the evaluator that asks can be on their way together with its function.
                hosted.report(worker, Report.check(slots=1, lifetime=lifetime))
        return function

    async def keep_result(self, run: str, worker: str, key: str, nbytes: int) -> None:
        """Hold a result that stays on a worker; that of a run which is forgotten is freed."""
        self._remote_results.add(run, worker, key, nbytes)
        hosted = self._hosted.get(run)
        if hosted is None or self._is_superseded(hosted):
            self._remote_results.release(run)

    # ---- for pages that this scheduler serves

    async def read_run(
        self, run: HostedRun, read: Callable[[Session], S], prepare: Callable[[S], T]
    ) -> tuple[T, tuple[float, float]]:
        """Have somebody look at a run's session: ``prepare(read(session))``.

        `read` is called when it is this run's turn, `prepare` when the learner is already at work again.

        Returns
        -------
        result : object
        seconds : pair of float
            For how long `read` and `prepare` computed.
        """
        self._requests += 1
        try:
            raw, reading = await run.in_turn(_timed, partial(run.learner.read, read))
            result, preparing = await self._in_thread(_timed, partial(prepare, raw))
            return result, (reading, preparing)
        finally:
            self._requests -= 1
            self._rest_if_idle()

    # ---- inside

    def _supersede(self, name: str) -> None:
        """A name is used again: who follows the run that had it finds that one by its id."""
        run = self.runs.pop(name, None)
        if run is not None:
            self._remote_results.release(run.id)
            self._let_old_runs_go()

    def _forget(self, run: HostedRun) -> None:
        self._hosted.pop(run.id, None)
        for worker in list(run.hung):
            self._note_hanging(worker, run, 0)
        if self.runs.get(run.name) is run:
            del self.runs[run.name]
        self._remote_results.release(run.id)
        freeing = asyncio.ensure_future(self._free(run))
        self._freeing.add(freeing)
        freeing.add_done_callback(self._freeing.discard)

    async def _free(self, run: HostedRun) -> None:
        """Free the memory of a run; several that are forgotten together are waited for before it is given back."""
        self._requests += 1
        try:
            with contextlib.suppress(LearnerBusyError):  # what hangs keeps its learner
                await run.free()
            self._runs_freed += 1
            count = self._runs_freed
            await asyncio.sleep(TRIM_DELAY_S)
            if count == self._runs_freed:
                await self._in_thread(scheduler_memory.trim)
        finally:
            self._requests -= 1
            self._rest_if_idle()

    def _answering(self, handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[dict[str, Any]]]:
        """Errors are answers: raised here, Dask would print each with a traceback on the scheduler."""

        async def answer(versions: Any = None, **arguments: Any) -> dict[str, Any]:
            self._requests += 1
            try:
                check_versions(versions, _sender(arguments))
                return {"ok": await handler(**arguments)}
            except VersionMismatchError as error:
                run = self._by_id.get(str(arguments.get("run")))  # which a worker asked for
                if run is not None:
                    run.cannot_work(str(arguments.get("worker")), error)
                return {"error": dumps(error)}  # which every version can load
            except Exception as error:
                return {"error": await self._pack(error)}
            finally:
                self._requests -= 1
                self._rest_if_idle()

        return answer

    def _active(self) -> list[HostedRun]:
        return list(self._by_id.values())

    def _find(self, name: str, run_id: str | None = None) -> HostedRun:
        run = self.runs.get(name) if run_id is None else self._hosted.get(run_id)
        if run is None:
            if name in self.runs:
                raise RunNotFoundError(
                    f"The run is forgotten that was named {_shown(name)}; the scheduler hosts another one of that name."
                )
            names = ", ".join(map(repr, itertools.islice(self.runs, MAX_NAMED_RUNS))) or "none"
            more = " and others" if len(self.runs) > MAX_NAMED_RUNS else ""
            raise RunNotFoundError(f"The scheduler hosts no run named {_shown(name)}; there are: {names}{more}.")
        return run

    def _ended(self, run: HostedRun) -> None:
        self._by_id.pop(run.id, None)
        if run.hung:
            self._hanging[run.id] = run
        self._let_old_runs_go()
        self._shares.update_soon()
        self._rest_if_idle()

    def _let_old_runs_go(self) -> None:
        ended = [run for run in reversed(self._hosted.values()) if run.status in ENDED]
        ended.sort(key=self._is_superseded)  # the newest first, and of each name
        points = size = superseded = 0
        seen: set[int] = set()  # runs that are started together may share a function
        for number, run in enumerate(ended, 1):
            superseded += self._is_superseded(run)
            points += run.learner.npoints if 0 <= run.learner.npoints < MAX_PLAUSIBLE_POINTS else 0
            for function, its_size in run.large_functions.items():
                size += 0 if function in seen else its_size
                seen.add(function)
            is_recent = number == 1 or (number <= MAX_ENDED_RUNS and points <= MAX_RECENT_POINTS)
            is_small = points <= MAX_ENDED_POINTS and size <= MAX_FUNCTION_BYTES and superseded <= MAX_ENDED_RUNS
            if is_small or (is_recent and not superseded):
                continue
            if not run.feed.is_watched:
                self._forget(run)
            elif self._letting_go is None:
                loop = asyncio.get_running_loop()
                self._letting_go = loop.call_later(scheduler_feed.RESULTS_TIMEOUT_S, self._let_more_runs_go)

    def _is_superseded(self, run: HostedRun) -> bool:
        return self.runs.get(run.name) is not run

    def _let_more_runs_go(self) -> None:
        self._letting_go = None
        self._let_old_runs_go()

    async def _get_client(self) -> Client:
        assert self._client_lock is not None
        async with self._client_lock:
            if self._client is None:
                self._client = await Client(
                    self._scheduler.address,
                    asynchronous=True,
                    set_as_default=False,
                    security=self._scheduler.security,
                    name=HOST_CLIENT,
                )
                # What workers send with Dask's `print` and `warn` is for users, whose process may be this one.
                for topic in ("print", "warn"):
                    with contextlib.suppress(ValueError):  # not subscribed to
                        self._client.unsubscribe_topic(topic)
            return self._client

    def _learner_threads(self) -> CallThreads:
        if self._threads is None:
            timeout = parse_timedelta(dask.config.get(TIMEOUT_SETTING, CALL_TIMEOUT_S))
            self._threads = CallThreads(MAX_LEARNER_THREADS, timeout=max(float(timeout), MIN_LEARNER_TIMEOUT_S))
        return self._threads

    async def _in_thread(self, call: Callable[..., Any], *args: Any) -> Any:
        return await self._learner_threads().call(call, *args)

    async def _pack(self, error: BaseException) -> PackedError:
        """Pack an error, which calls user code; what hangs then is left out."""
        packing = asyncio.ensure_future(self._apart(pack_error, error))
        await asyncio.wait([packing], timeout=self._learner_threads().timeout)
        if packing.done():
            return cast(PackedError, packing.result())
        packing.cancel()
        return pack_error(AdaptiveError(f"A {type(error).__name__} that cannot be pickled: that does not end."))

    async def _apart(self, call: Callable[..., Any], *args: Any) -> Any:
        """As `_in_thread`, for what may wait: in the learners' few threads it would keep all runs waiting."""
        if self._checkpoint_threads is None:
            self._checkpoint_threads = CallThreads(MAX_CHECKPOINT_THREADS, "checkpoints")
        return await self._checkpoint_threads.call(call, *args)

    def _note_activity(self) -> None:
        self._scheduler.idle_since = None

    def _rest_if_idle(self) -> None:
        """With no run going on and no request, hold neither client nor threads."""
        busy = bool(self._by_id or self._starting)
        if busy and not self._keep_open.is_running():
            self._keep_open.start()
            switch_soon()
        if not busy and self._keep_open.is_running():
            self._keep_open.stop()
            switch_as_before()
        if not busy and self._requests == 0:
            task = asyncio.ensure_future(self._let_go())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _let_go(self) -> None:
        client, self._client = self._client, None
        pools = self._threads, self._checkpoint_threads, self._loading_threads
        self._threads = self._checkpoint_threads = self._loading_threads = None
        for threads in pools:
            if threads is not None:
                threads.close()
        if client is not None and client.status != "closed":
            await client.close()


def _load_learner(spec: RunSpec, checkpoint: Checkpoint | None) -> HostedLearner:
    with loading_on_scheduler("the learner, its loss function or the goal, which run there"):
        return HostedLearner(spec, checkpoint)


def _load(spec: RunSpec, checkpoint: Checkpoint | None, is_given_up: threading.Event) -> HostedLearner:
    try:
        learner = _load_learner(spec, checkpoint)
        if is_given_up.is_set():
            raise LearnerBusyError("The learner was loaded too late.")
    except BaseException:
        if checkpoint is not None:
            checkpoint.close()
        raise
    return learner


def _sender(arguments: dict[str, Any]) -> str:
    worker = arguments.get("worker")
    return "client" if worker is None else f"worker {worker}"


def _shown(value: Any) -> str:
    """What somebody sent, for an error message: not all of it, if it is long."""
    return repr(value[:MAX_SHOWN_CHARS] if isinstance(value, str | bytes) else type(value))


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call returns, and for how long the thread computed."""
    begin = time.thread_time()
    return call(), time.thread_time() - begin


def _serve_pages(scheduler: Scheduler) -> bool:
    """Show the runs on the scheduler's dashboard; False if that fails, which does not affect the runs."""
    try:
        return bool(entry("serve_pages")(scheduler))
    except Exception as error:
        logger.warning("The dashboard will not show adaptive runs: %r", error)
        return False


async def dask_setup(scheduler: Scheduler) -> None:
    """Register the host; Dask calls this for ``--preload``."""
    await scheduler.register_scheduler_plugin(LearnerHost(), idempotent=True)
