"""One hosted run: drives its Session in a thread, and its points and evaluators on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import dask
from dask.utils import parse_timedelta

from adaptive_dask.cluster import scheduler_feed
from adaptive_dask.cluster.loading import missing_module
from adaptive_dask.cluster.protocol import DROP, POINTS, STOP, Report, RunSpec
from adaptive_dask.cluster.scheduler_assignments import Assignments, OutgoingPoint
from adaptive_dask.cluster.scheduler_evaluators import Evaluators
from adaptive_dask.cluster.scheduler_feed import Feed
from adaptive_dask.cluster.scheduler_history import ProgressHistory
from adaptive_dask.cluster.scheduler_holders import Holders
from adaptive_dask.cluster.scheduler_inbox import Inbox
from adaptive_dask.cluster.scheduler_learner import HostedLearner, Step
from adaptive_dask.cluster.scheduler_placement import Placement
from adaptive_dask.cluster.scheduler_shares import Claim
from adaptive_dask.cluster.scheduler_threads import CallThreads
from adaptive_dask.cluster.scheduler_turns import LearnerTurns
from adaptive_dask.errors import (
    AdaptiveError,
    LearnerBusyError,
    LearnerError,
    ModuleMissingError,
    RunNotFoundError,
    WorkerLostError,
)
from adaptive_dask.plain import get_logger, safe_repr
from adaptive_dask.run.driver import Driver
from adaptive_dask.run.status import ENDED, RunStatus

if TYPE_CHECKING:
    from distributed import Client, Scheduler

logger = get_logger(__name__)

# After a cancelled or failed run, evaluators that are between two points are waited for (seconds).
END_TIMEOUT_S = 0.25

# The setting of Dask's after which a cluster gives up a worker that died.
LOST_WORKER_SETTING = "distributed.deploy.lost-worker-timeout"

# A run that has had no thread for so long says who has them (seconds).
LONG_WAIT_S = 2.0

_MAX_SLOTS = 2**31

# What takes longer is no round trip (seconds).
MAX_ROUND_TRIP_S = 600.0

# A function of fewer bytes than that does not count.
LARGE_FUNCTION_BYTES = 100_000


class HostedRun:
    """A run on the scheduler. Everything here happens on the event loop, but for what `HostedLearner` does.

    Parameters
    ----------
    spec : RunSpec
    learner : HostedLearner
        The learner, loaded already.
    scheduler : Scheduler
    threads : callable
        Returns the threads of the learners; a run has one call at a time made there.
    apart : callable
        Awaits a call that may wait long, in a thread that no learner waits for.
    on_claim : callable
        Called when the run can use more slots than before, or no longer all that it has.
    on_end : callable
        Called with this run when it has ended.
    holders : Holders
        Says who has the cluster's threads.

    Attributes
    ----------
    id : str
        Unlike the name, never used twice.
    large_functions : dict of int to int
        The bytes of its larger functions, by the ``id`` of their pickles.
    goal : bytes
        The `Goal`, cloudpickled.
    status : str
        running, paused, finished, cancelled or failed.
    """

    def __init__(
        self,
        spec: RunSpec,
        learner: HostedLearner,
        scheduler: Scheduler,
        threads: Callable[[], CallThreads],
        apart: Callable[..., Awaitable[Any]],
        on_claim: Callable[[], None],
        on_end: Callable[[HostedRun], None],
        holders: Holders,
    ) -> None:
        self.id = spec.id
        self.name = spec.name
        self.functions = spec.functions
        self.goal = spec.goal
        self.large_functions = {id(each): len(each) for each in spec.functions if len(each) >= LARGE_FUNCTION_BYTES}
        self._function = spec.function
        self._evaluation = spec.evaluation
        self.status = "running"
        self.error: AdaptiveError | None = None
        self.history = ProgressHistory()
        self.feed = Feed(learner.resumed)
        self.assignments = Assignments(spec.evaluation.vectorized)
        self.learner = learner
        self._driver = learner.driver
        self.has_pages = False  # on the scheduler's dashboard
        self.started = time.time()
        self.ended: float | None = None  # as `started`, and the seconds that it took
        self._begun_at = time.monotonic()
        self.function_seconds = 0.0
        self.evaluated = 0
        self._ntasks = spec.evaluation.ntasks
        self._is_ordered = spec.session.ordered is not None
        self._tasks = spec.tasks
        self._placement = Placement(scheduler, spec.tasks)
        self._waits_for: str | None = None
        self._waiting_since = math.inf  # for the first evaluator
        self._workers_died = 0
        self._scheduler = scheduler
        self._call_apart = apart
        self._on_claim = on_claim
        self._on_end = on_end
        self._holders = holders
        self._inbox = Inbox(learner.note_arrivals)
        self._unsent: deque[OutgoingPoint] = deque()
        self._has_no_more = False  # the learner gave fewer points than there was room for
        self._asks_no_more = False  # the points that are out are the last, unless some are given up
        self._turn = LearnerTurns(spec.name, threads, self.feed.change)
        self._wake = asyncio.Event()
        self._evaluators: Evaluators | None = None
        self._stopping = False  # no more points are sent
        self._cancelled = False
        self._is_freed = False
        self._weight = spec.weight
        self._wanted: int | None = None  # how many slots it can use; None for as many as there are
        self._head_start = 0.0
        self._unfit: dict[str, str] = {}  # workers that cannot have the function, and why, while others can
        self.hung: dict[str, int] = {}  # threads in calls that were given up, by worker
        self._slot_seconds = 0.0
        self._slots_since = time.monotonic()
        self._task: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None  # when the goal is a time

    # ---- commands

    def start(self, client: Client) -> None:
        """Begin to evaluate; `client` is an asynchronous one of this scheduler."""
        self._evaluators = Evaluators(
            self.id, self._scheduler, client, self._on_claim, self._evaluators_fail, self._tasks
        )
        self._task = asyncio.ensure_future(self._drive())
        self._wake.set()

    def pause(self) -> None:
        """Begin no more evaluations; those under way are finished and told."""
        if self.status == "running":
            self._set_status("paused")
            self._on_claim()

    def resume(self) -> None:
        if self.status == "paused":
            self._set_status("running")
            self._on_claim()
            self._wake.set()

    def cancel(self) -> None:
        """End the run now. Functions that are being evaluated cannot be interrupted; their results are dropped."""
        self._cancelled = True
        self._turn.give_up_if_late()
        self._wake.set()

    def give_up(self) -> None:
        """Fail if the run waits for workers; a client that owns the cluster knows that no more will be started."""
        if LOST_WORKER_SETTING in (self.waits_for or ""):
            self._fail(
                WorkerLostError(f"The cluster has given up all its workers. The run waited for {self.waits_for}.")
            )
            self._wake.set()

    async def wait(self, timeout: float) -> None:
        """Wait for the end of the run, for so many seconds at most."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)

    def let_go(self) -> None:
        """Nobody wants to know of the run any more: who waits for a learner that is late need not."""
        self._turn.give_up_if_late()

    async def in_turn(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call something in the learner's thread, when nothing else of this run is being called."""
        async with self._turn:
            if self._is_freed:
                raise RunNotFoundError(f"The run {self.name!r} was forgotten.")
            return await self._turn.call(call, *args)

    async def free(self) -> None:
        """Let go of the learner's data; the run has ended, and nobody finds it any more."""
        async with self._turn.whenever():
            self._is_freed = True
            await self._turn.call(self.learner.free)

    async def drop(self, points: bytes, ids: list[int]) -> bytes:
        """Give up points that have no outcome yet; replies with them."""
        async with self._turn:
            dropped: list[int]
            packed: bytes
            dropped, packed = await self._turn.call(self.learner.drop, points, ids)
            unwanted = set(dropped)
            self._unsent = deque(point for point in self._unsent if point.pid not in unwanted)
            for worker in list(self.assignments.loads):
                taken = self.assignments.take_back(worker, dropped)
                if taken and worker in self._scheduler.stream_comms:
                    self._scheduler.worker_send(worker, {"op": DROP, "run": self.id, "ids": taken})
        self._wake.set()
        return packed

    async def call(self, payload: bytes) -> bytes:
        """Call something with the learner. Results that it is told by that are in a snapshot of it only."""
        async with self._turn:
            try:
                result: bytes = await self._turn.call(self.learner.call, payload)
            finally:
                unseen = self.learner.told - self.feed.position
                if unseen:
                    self.feed.publish(unseen, None)
                    self._wake.set()
        return result

    async def set_goal(self, goal: bytes) -> None:
        """Take another goal, pickled, instead of the run's.

        Raises
        ------
        AdaptiveError
            If the run is at its end.
        """
        async with self._turn:
            await self._turn.call(self.learner.set_goal, goal, self.name, self._stopping)
            self.goal = goal
            self._set_alarm()
        self.feed.change()
        self._wake.set()

    async def tell(self, points: bytes, values: bytes) -> None:
        """Tell the learner results from elsewhere."""
        async with self._turn:
            step = await self._turn.call(self.learner.tell_from_elsewhere, points, values, self.feed.is_watched)
            self._publish(step)
        self._wake.set()
        if step.error is not None:
            raise step.error

    # ---- what arrives; nothing here may raise

    def report(self, worker: str, report: Report) -> None:
        """A worker tells what it has done."""
        if self.status in ENDED:
            return
        if report.slots is not None:
            self._count_slot_seconds()
        self.assignments.measure(report.durations, _round_trip(report))
        if report.ids or report.failures:
            self.history.note_work(self.evaluated, self.learner.cpu_seconds, self.function_seconds)
            self.history.note_evaluations(worker, report.durations, len(report.failures), report.seconds_of_failures)
        self.function_seconds += sum(report.durations) + report.seconds_of_failures
        self.evaluated += len(report.ids) + len(report.failures)
        if report.ids:
            # Late results count too: whether a point still waits for its outcome, the session knows.
            self.assignments.take_back(worker, report.ids)
            self._inbox.add_outcomes(report.ids, report.values)
        if report.failures:
            self.assignments.take_back(worker, report.failures)
            self._inbox.failures += [
                (pid, text, error, worker, report.log) for pid, (text, error) in report.failures.items()
            ]
        if report.returned:
            taken = self.assignments.take_back(worker, report.returned)
            if taken and not self._stopping:
                self._inbox.lost.append((taken, set()))
        # A worker that retires is removed first and goes on reporting for a while.
        if report.slots is not None and worker in self._scheduler.workers:
            slots = min(report.slots, self._scheduler.workers[worker].nthreads)
            places = report.places
            if places is not None and slots < report.slots:
                places = math.ceil(places * slots / report.slots)
            self.assignments.set_slots(worker, slots, report.lifetime, places)
            if slots and self._unfit.pop(worker, ""):
                self.feed.change()
            self.note_hung(worker, report.hung, report.given_up)
            if self._stopping and report.slots == 0:
                self.assignments.drop(worker)  # what it had not begun when it was told to stop
            elif self._stopping:
                self._stop_worker(worker)  # an evaluator may have come after the others were told
            elif report.slots and not self.assignments.lifetimes.allow(worker, self.assignments.lifetimes.need):
                self._send_points(worker, [])  # tells why there are none
                self._on_claim()
        if (report.ids or report.failures) and self._evaluators is not None:
            self._evaluators.did_work()
        if report.broken is not None:
            self.cannot_work(worker, _broken(worker, *report.broken))
        self._wake.set()

    def lose(self, worker: str, *, blame: bool) -> None:
        """A worker is gone."""
        self._count_slot_seconds()
        self._workers_died += blame and self.is_busy_on(worker)
        blame = blame or self.assignments.lifetimes.is_over(worker)
        self.note_hung(worker, 0)
        self._unfit.pop(worker, None)
        ids, begun = self.assignments.drop(worker)
        if ids and not self._stopping:
            self._inbox.lost.append((ids, begun if blame else set()))
        self._wake.set()

    def cannot_work(self, worker: str, error: AdaptiveError) -> None:
        """A worker cannot have the function. As long as others could, the run goes on without that one."""
        if worker in self._unfit:
            return
        if any(count.evaluated for other, count in self.history.workers.items() if other != worker):
            logger.warning("Run %r goes on without a worker: %s", self.name, error)
            self._unfit[worker] = str(error)
            self.feed.change()
        else:
            self.fail(error)

    def fail(self, error: AdaptiveError) -> None:
        """The run cannot go on."""
        self._fail(error)
        self._turn.give_up_if_late()
        self._wake.set()

    @property
    def function(self) -> tuple[Any, ...] | None:
        """The pickled function and how to call it, for workers; None when there is nothing more to evaluate."""
        return None if self._stopping else (self._function, *self._evaluation)

    def has_evaluator_on(self, worker: str) -> bool:
        """Whether Dask has sent an evaluator of this run there, as far as that can have the function."""
        return self._evaluators is not None and worker not in self._unfit and self._evaluators.has_task_on(worker)

    def is_busy_on(self, worker: str) -> bool:
        """Whether a worker has points of this run."""
        load = self.assignments.loads.get(worker)
        return load is not None and bool(load.ids)

    # ---- sharing the cluster with other runs

    def claim(self) -> Claim:
        """What the run would like to have of the cluster's slots, and what it had."""
        self._count_slot_seconds()
        served = self._head_start + self._slot_seconds / self._weight
        wanted = int(min(self._demand(), self._placement.capacity()))
        return Claim(self._weight, wanted, self.assignments.useful_slots, served)

    def _demand(self) -> int:
        """How many slots the run could use if there were any number of them."""
        if self._stopping or self.status != "running" or self._evaluators is None:
            return 0
        if self._asks_no_more and not (self.assignments.in_flight or self._unsent or self._driver.waiting):
            return 0  # all is there, and about to be told
        return min(_MAX_SLOTS if self._wanted is None else self._wanted, self._ntasks or _MAX_SLOTS)

    @property
    def slots(self) -> int:
        """How many evaluators are at work."""
        return self.assignments.slots

    def start_level_with(self, served: float) -> None:
        """A run that comes later is treated as if it had been served like the others."""
        self._head_start = served

    def allot(self, slots: int, spare: int, *, give_up: bool, is_crowded: bool) -> None:
        """Take so many slots, have so many evaluators wait for more, and maybe give up what is beyond."""
        self.assignments.is_crowded = is_crowded
        if self._evaluators is None or self._stopping:
            return
        capacity = self._placement.capacity()
        if capacity < self._demand():  # where others wait or not: these can only be where nobody is yet
            spare = max(spare, 1 + int(capacity) // 2)
        self._note_waiting()
        useful = self.assignments.useful_slots
        # Evaluators on workers without time for a point must not keep others from working elsewhere.
        self._evaluators.adjust(self.assignments.slots, slots + self.assignments.slots - useful, spare)
        if give_up and useful > slots:
            self._give_up(useful - slots)

    def place_anew(self) -> None:
        """A worker has come: Dask knows which tasks are for it only of those that are submitted from now on."""
        if self._evaluators is not None and self._placement.names_workers:
            self._evaluators.withdraw_unplaced()

    def _note_waiting(self) -> None:
        is_waiting = self.status == "running" and not self.assignments.slots and not self._stopping
        waits_for, now = None, time.monotonic()
        if not is_waiting:
            self._waiting_since = math.inf
        elif self._waiting_since == math.inf:
            self._waiting_since = now
            asyncio.get_running_loop().call_later(LONG_WAIT_S, self._on_claim)
        if is_waiting:
            waits_for = self._placement.waits_for(self._holders.hung)
            if self._workers_died and not self._scheduler.workers:
                waits_for = f"{waits_for}. {self._why_none_comes(now)}"
            if waits_for is None and self._demand() and now >= self._waiting_since + LONG_WAIT_S:
                waits_for = self._holders.threads()
        if waits_for != self._waits_for:
            self._waits_for = waits_for
            self.feed.change()

    def _why_none_comes(self, now: float) -> str:
        text = f"{self._workers_died} died while they had points of this run; their logs may say why"
        timeout = parse_timedelta(dask.config.get(LOST_WORKER_SETTING)) + LONG_WAIT_S
        left = self._waiting_since + timeout - now
        if left > 0:
            asyncio.get_running_loop().call_later(left, self._on_claim)
            return text
        return (
            f"{text}. A LocalCluster gives up workers that die and are not back within {LOST_WORKER_SETTING}: set that "
            "to more than it takes to start one, and have the cluster start others with cluster.scale(n)"
        )

    def _give_up(self, count: int) -> None:
        for worker, number in self.assignments.most_slots(count).items():
            self._stop_worker(worker, keep=self.assignments.loads[worker].slots - number)

    def _count_wanted(self) -> None:
        wanted = None
        if self._has_no_more:
            points = self.assignments.in_flight + len(self._unsent) + self._driver.waiting
            wanted = max(1, math.ceil(points / self.assignments.points_per_slot))
        if wanted != self._wanted:
            self._wanted = wanted
            self._on_claim()

    # ---- what watchers are told

    @property
    def elapsed(self) -> float:
        """For how long the run has been going on, or went on (seconds), by a clock that nobody sets."""
        return time.monotonic() - self._begun_at if self.ended is None else self.ended - self.started

    @property
    def waits_for(self) -> str | None:
        """What keeps the run from going on, or from ending."""
        if self.ended:
            return None
        own = self._turn.waits_for or self._driver.draining.describe()
        return own or (None if self.assignments.slots else self._waits_for)

    def summary(self) -> dict[str, Any]:
        """`numbers` as a dictionary."""
        return self.numbers().as_info()

    def numbers(self) -> RunStatus:
        """The present state and numbers, as plain data."""
        self._count_slot_seconds()
        status = RunStatus(
            name=self.name,
            id=self.id,
            status="draining" if self._driver.draining.is_under_way else self.status,
            ended=self.ended,
            age=time.monotonic() - self._begun_at,
            workers=self.assignments.workers,
            slots=self.assignments.slots,
            busy=self.assignments.busy_slots,
            in_flight=self.assignments.in_flight,
            evaluators=len(self._evaluators) if self._evaluators else 0,
            evaluated=self.evaluated,
            hung=dict(self.hung),
            unfit=dict(self._unfit),
            waits_for=self.waits_for,
            points_per_second=0.0 if self.ended else self.history.points_per_second(self.evaluated),
            function_seconds=self.function_seconds,
            slot_seconds=self._slot_seconds,
            learner_cpu_seconds=self.learner.cpu_seconds,
            pages=self.has_pages,
            **self._driver.numbers(self.started, self.elapsed),
        )
        return status.made_plain()

    # ---- the driver

    async def _drive(self) -> None:
        status = "failed"
        self._set_alarm()
        try:
            await self._work()
            if self._driver.draining and self.error is None and not self._cancelled:
                await self._finish_evaluations()
            if self.error is None:
                status = "cancelled" if self._cancelled else "finished"
        except LearnerBusyError as error:
            if self._cancelled:
                status = "cancelled"
            else:
                self._fail(error)
            logger.warning("The run %r ends without its learner: %s", self.name, error)
        except Exception as error:
            logger.exception("The run %r failed inside", self.name)
            self._fail(_inside_error("failed inside", error))
        finally:
            self._cancel_alarm()
            await self._end(status)

    async def _work(self) -> None:
        while not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            if self._cancelled:
                return
            async with self._turn.whenever():
                done = await self._step()
                # Everything that a worker may do in answer must find the points where they are.
                self._send()
            if self.error is not None or done:
                self._stopping = True
            else:
                self._count_wanted()

    async def _step(self) -> bool:
        inbox, self._inbox = self._inbox, Inbox(self.learner.note_arrivals)
        room = 0
        if self.status == "running":
            npoints = None if self._is_ordered else self._driver.npoints
            room = max(0, self.assignments.room(npoints, self._ntasks) - len(self._unsent))
        begin, troubles = time.monotonic(), _troubles(self._driver)
        try:
            step: Step = await self._turn.call(self.learner.step, inbox, room, self.feed.is_watched)
        finally:
            inbox.close()
        if room:
            self._has_no_more = len(step.points) < room
        self._asks_no_more = step.asks_no_more
        if step.points:
            self.assignments.measure_step(time.monotonic() - begin, step.cpu_seconds, len(step.points))
        self._unsent.extend(step.points)
        self._publish(step)
        if _troubles(self._driver) != troubles:
            self.feed.change_soon()
        if self._driver.error is not None:
            self._fail(self._driver.error)
        return step.done

    async def _finish_evaluations(self) -> None:
        """Let evaluations that are under way finish, and tell them."""
        self._stop_workers()
        self._driver.draining.begin()
        alarm = None
        if self._driver.draining.left < math.inf:
            alarm = asyncio.get_running_loop().call_later(self._driver.draining.left, self._wake.set)
        try:
            while not self._cancelled and (self.assignments.slots > 0 or self._inbox.outcomes or self._inbox.failures):
                if self._driver.draining.left <= 0:
                    break  # those that are under way are given up, as at any other end
                ids = self.assignments.begun()
                async with self._turn.whenever():
                    await self._turn.call(self._driver.note_draining, ids)
                self.feed.change_soon()
                await self._wake.wait()
                self._wake.clear()
                async with self._turn.whenever():
                    await self._step()
        finally:
            self._driver.draining.end()
            if alarm is not None:
                alarm.cancel()

    async def _wait_for_evaluators(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.assignments.slots > 0:
                    self._wake.clear()
                    await self._wake.wait()

    async def _end(self, status: str) -> None:
        self._stopping = True
        try:
            self._stop_workers(now=True)
            await self._wait_for_evaluators(END_TIMEOUT_S)
            with contextlib.suppress(LearnerBusyError):  # whose thread has it for ever, perhaps
                async with self._turn.whenever():
                    step = await self._turn.call(self.learner.finish, self.feed.is_watched)
                    self._publish(step)
            if self._driver.checkpoint is not None:
                await self._call_apart(self._driver.close)
        except Exception as error:
            logger.exception("The run %r could not be ended properly", self.name)
            self._fail(_inside_error("could not be ended properly", error))
        self._count_slot_seconds()
        self.assignments = Assignments()
        self._unsent.clear()
        self._function = b""
        self._inbox.close()
        self._inbox = Inbox(None)
        self._evaluators = None  # it refers to this run, which is to go, with all its data, when it is forgotten
        self.ended = self.started + self.elapsed
        self.history.note_work(self.evaluated, self.learner.cpu_seconds, self.function_seconds, is_last=True)
        self.history.note_loss(self._driver.npoints, self._driver.loss, is_last=True)
        self._set_status(status)
        # Who has not fetched the last results by then takes a snapshot of the learner.
        asyncio.get_running_loop().call_later(scheduler_feed.RESULTS_TIMEOUT_S, self.feed.clear)
        self._on_end(self)

    # ---- inside

    def _publish(self, step: Step) -> None:
        self.history.note_loss(self._driver.npoints, self._driver.loss)
        if step.told:
            self.feed.publish(step.told, step.chunk)

    def _send(self) -> None:
        if not self._unsent:
            return
        assigned, left = self.assignments.assign(self._unsent)
        self._unsent = deque(left)
        for worker, points in assigned.items():
            self._send_points(worker, points)
        if self._asks_no_more and self.assignments.is_crowded:
            # Others wait for the slots: their evaluators need not wait until the end of this run is known.
            for worker in self.assignments.loads:
                self._stop_worker(worker, keep=0)

    def _send_points(self, worker: str, points: list[OutgoingPoint]) -> None:
        self._scheduler.worker_send(
            worker,
            {
                "op": POINTS,
                "run": self.id,
                "ids": [point.pid for point in points],
                "points": [point.packed for point in points],
                "sent": time.monotonic(),
                "seconds": self.assignments.lifetimes.need,
                "enough": self.assignments.enough(worker),
            },
        )

    def _stop_workers(self, *, now: bool = False) -> None:
        self._unsent.clear()
        if self._evaluators is not None:  # first, or an evaluator that waits takes the place of one that goes
            self._evaluators.release()
        for worker in list(self.assignments.loads):
            self._stop_worker(worker, now=now)

    def _stop_worker(self, worker: str, keep: int | None = None, *, now: bool = False) -> None:
        if worker in self._scheduler.stream_comms:
            self._scheduler.worker_send(worker, {"op": STOP, "run": self.id, "keep": keep, "now": now})

    def note_hung(self, worker: str, count: int, tasks: Sequence[str] = ()) -> None:
        """Calls of a worker were given up and still go on: their tasks are not evaluators any more."""
        if count != self.hung.get(worker, 0):
            self.feed.change_soon()
            self._holders.note_hung(worker, self.id, self.name, count)
        if count:
            self.hung[worker] = count
        else:
            self.hung.pop(worker, None)
        if tasks and self._evaluators is not None:
            self._evaluators.give_up(tasks)
            self._on_claim()

    def _set_alarm(self) -> None:
        """Have the run end when its goal says so."""
        self._cancel_alarm()
        self._driver.time_is_up = False
        self._look_at_clock()

    def _look_at_clock(self) -> None:
        seconds = self._driver.goal.next_check(self.elapsed)
        if seconds:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._look_at_clock)
        elif seconds is not None:
            self._time_is_up()

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _time_is_up(self) -> None:
        self._driver.time_is_up = True
        self._wake.set()

    def _evaluators_fail(self, error: BaseException) -> None:
        module = missing_module(error)
        if module is not None:
            self.fail(ModuleMissingError("A worker cannot load the evaluator", module, str(error)))
        else:
            self.fail(AdaptiveError(f"The evaluators of the run fail: {safe_repr(error)}"))

    def _fail(self, error: AdaptiveError) -> None:
        if self.error is None:
            self.error = error

    def _set_status(self, status: str) -> None:
        self.status = status
        self.feed.change()

    def _count_slot_seconds(self) -> None:
        now = time.monotonic()
        self._slot_seconds += self.assignments.slots * (now - self._slots_since)
        self._slots_since = now


def _inside_error(what: str, error: Exception) -> LearnerError:
    return LearnerError(f"The run {what}: {safe_repr(error)}").caused_by(error)


def _troubles(driver: Driver) -> tuple[int, ...]:
    return (driver.failed, *(driver.counts[kind] for kind in ("retries", "timeouts", "lost")))


def _round_trip(report: Report) -> float | None:
    """How long a message takes there and back (seconds); None if nothing is known, or what is said makes no sense."""
    if report.echo is None:
        return None
    seconds = time.monotonic() - report.echo[0] - report.echo[1]
    return seconds if 0 <= seconds < MAX_ROUND_TRIP_S else None


def _broken(worker: str, module: str | None, text: str) -> AdaptiveError:
    what = f"Worker {worker} cannot load the function"
    return ModuleMissingError(what, module, text) if module else AdaptiveError(f"{what}:\n\n{text}")
