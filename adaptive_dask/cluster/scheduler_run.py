"""A hosted run: its commands, and the loop that executes its session."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from distributed import Client

from adaptive_dask.cluster import scheduler_feed
from adaptive_dask.cluster.protocol import RunSpec
from adaptive_dask.cluster.scheduler_assignments import Assignments
from adaptive_dask.cluster.scheduler_feed import Feed
from adaptive_dask.cluster.scheduler_learner import HostedLearner, Step
from adaptive_dask.cluster.scheduler_reports import ReportIntake
from adaptive_dask.cluster.scheduler_sender import PointSender
from adaptive_dask.cluster.scheduler_slots import LOST_WORKER_SETTING, RunSlots
from adaptive_dask.cluster.scheduler_state import Host, RunClock, RunState
from adaptive_dask.cluster.scheduler_turns import LearnerTurns
from adaptive_dask.errors import AdaptiveError, LearnerBusyError, LearnerError, RunNotFoundError, WorkerLostError
from adaptive_dask.logs import get_logger
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.status import RunStatus

logger = get_logger(__name__)

# Time to wait for evaluators that are between two points after a cancelled or failed run (seconds).
END_TIMEOUT_S = 0.25

# Smaller functions (bytes) do not count towards the memory of ended runs.
LARGE_FUNCTION_BYTES = 100_000


class HostedRun:
    """A run on the scheduler. It lives on the event loop, except for the learner, which is called in threads.

    Parameters
    ----------
    spec : RunSpec
    learner : HostedLearner
    host : Host

    Attributes
    ----------
    id : str
        Unlike the name, it is never used again.
    spec : RunSpec
        Without the pickled learner and function.
    goal : bytes
        The `Goal`, cloudpickled.
    large_functions : dict of int to int
        The sizes of its larger functions in bytes, by the ``id`` of their pickles.
    state : RunState
    clock : RunClock
    feed : Feed
    assignments : Assignments
    sender : PointSender
    slots : RunSlots
    reports : ReportIntake
    history : ProgressHistory
    """

    def __init__(self, spec: RunSpec, learner: HostedLearner, host: Host) -> None:
        self.id = spec.id
        self.name = spec.name
        self.spec = replace(spec, learner=b"", function=b"")
        self.goal = spec.goal
        self.large_functions = {id(each): len(each) for each in spec.functions if len(each) >= LARGE_FUNCTION_BYTES}
        self.learner = learner
        self.clock = RunClock()
        self.feed = Feed(learner.resumed)
        turns = LearnerTurns(spec.name, host.resources.learner_threads, self.feed.change)
        self.state = RunState(self.feed, turns)
        self.assignments = Assignments(spec.evaluation.vectorized)
        self.sender = PointSender(spec.id, host.scheduler, self.assignments)
        self.slots = RunSlots(self.spec, host, self.state, self.assignments, self.sender, learner.driver)
        self.reports = ReportIntake(spec.name, host.scheduler, self.state, learner, self.sender, self.slots)
        self.history = self.reports.history
        self._driver = learner.driver
        self._host = host
        self._function = spec.function
        self._is_freed = False
        self._task: asyncio.Task[None] | None = None
        self._start_slots: Callable[[float], None]

    # ---- commands

    def start(self, client: Client, served: float) -> None:
        """Begin to evaluate.

        Parameters
        ----------
        client : Client
            An asynchronous client of this scheduler.
        served : float
            See `RunSlots.start`.
        """
        self._start_slots = partial(self.slots.start, client)
        if not self.state.predecessors:
            self._start_slots(served)
        self._task = asyncio.ensure_future(self._drive())
        self.state.wake.set()

    def begin(self, served: float) -> None:
        """Begin to evaluate after a wait for other runs; see `start`."""
        self._start_slots(served)
        self.clock.restart()
        self.clock.set_alarm(self._driver, self.state.wake)
        self.history.begin()
        self._host.on_claim()
        self.state.wake.set()

    def pause(self) -> None:
        """Stop sending points; results of points in flight are still told."""
        if self.status == "running":
            self.state.set_status("paused")
            self._host.on_claim()

    def resume(self) -> None:
        if self.status == "paused":
            self.state.set_status("running")
            self._host.on_claim()
            self.state.wake.set()

    def give_up(self) -> None:
        """Fail if the run waits for workers; a client that owns the cluster knows that none will be started."""
        if LOST_WORKER_SETTING in (self.waits_for or ""):
            self.state.fail(
                WorkerLostError(f"The cluster has given up all its workers. The run waited for {self.waits_for}.")
            )

    async def wait(self, timeout: float) -> None:
        """Wait for the end of the run, at most `timeout` seconds."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)

    async def in_turn(self, call: Callable[..., Any], *args: Any) -> Any:
        """Call a function in the learner's thread, while no other call of this run is in progress."""
        async with self.state.turns:
            if self._is_freed:
                raise RunNotFoundError(f"The run {self.name!r} was forgotten.")
            return await self.state.turns.call(call, *args)

    async def free(self) -> None:
        """Free the learner's data of a run that has ended and was forgotten."""
        async with self.state.turns.whenever():
            self._is_freed = True
            await self.state.turns.call(self.learner.free)

    async def drop(self, points: bytes, ids: list[int]) -> bytes:
        """Give up points that have no outcome; return them, packed."""
        async with self.state.turns:
            dropped: list[int]
            packed: bytes
            dropped, packed = await self.state.turns.call(self.learner.drop, points, ids)
            self.sender.drop(dropped)
        self.state.wake.set()
        return packed

    async def call(self, payload: bytes) -> bytes:
        """Call a function with the learner. Results that it tells the learner are sent only as a snapshot."""
        async with self.state.turns:
            try:
                result: bytes = await self.state.turns.call(self.learner.call, payload)
            finally:
                unseen = self._driver.session.told - self.feed.position
                if unseen:
                    self.feed.publish(unseen, None)
                    self.state.wake.set()
        return result

    async def set_goal(self, goal: bytes) -> None:
        """Replace the goal by a pickled one.

        Raises
        ------
        AdaptiveError
            If the run has ended.
        """
        async with self.state.turns:
            await self.state.turns.call(self.learner.set_goal, goal, self.name, self.state.is_stopping)
            self.goal = goal
            self.clock.set_alarm(self._driver, self.state.wake)
        self.feed.change()
        self.state.wake.set()

    async def tell(self, points: bytes, values: bytes) -> None:
        """Tell the learner results that the run did not ask for."""
        async with self.state.turns:
            step = await self.state.turns.call(self.learner.tell_from_elsewhere, points, values, self.feed.is_watched)
            self._publish(step)
        self.state.wake.set()
        if step.error is not None:
            raise step.error

    def fetch_function(self, worker: str, lifetime: tuple[float, float] | None) -> tuple[Any, ...] | None:
        """Return the pickled function and its `Evaluation`, for a worker; None if there is nothing to evaluate."""
        if self.state.is_stopping:
            return None
        self.reports.expect_evaluator(worker, lifetime)
        return (self._function, *self.spec.evaluation)

    # ---- state

    @property
    def status(self) -> str:
        """running, paused, finished, cancelled or failed."""
        return self.state.status

    @property
    def error(self) -> AdaptiveError | None:
        return self.state.error

    @property
    def started(self) -> float:
        return self.clock.started

    @property
    def waits_for(self) -> str | None:
        """The reason why the run does not continue or end; None if it does."""
        if self.state.has_ended:
            return None
        if self.state.predecessors:
            name, *others = sorted(self.state.predecessors.values())
            return f"the end of the run {name!r}" + (f" and of {len(others)} more" if others else "")
        return self.state.turns.waits_for or self._driver.draining.describe() or self.slots.waits_for

    def numbers(self) -> RunStatus:
        """Return the present status, as plain data."""
        ended = self.clock.ended
        status = RunStatus(
            name=self.name,
            id=self.id,
            status="draining" if self._driver.draining.is_under_way else self.status,
            ended=ended,
            age=self.clock.age,
            workers=self.assignments.workers,
            slots=self.assignments.slots,
            busy=self.assignments.busy_slots,
            in_flight=self.assignments.in_flight,
            evaluators=self.slots.evaluators,
            evaluated=self.history.evaluated,
            hung=dict(self.slots.hung),
            unfit=dict(self.reports.unfit),
            waits_for=self.waits_for,
            points_per_second=0.0 if ended else self.history.points_per_second(),
            function_seconds=self.history.function_seconds,
            slot_seconds=self.assignments.slot_seconds,
            learner_cpu_seconds=self.learner.cpu_seconds,
            pages=self._host.has_pages,
            **self._driver.numbers(self.clock.started, self.clock.elapsed),
        )
        return status.made_plain()

    def summary(self) -> dict[str, Any]:
        """Return `numbers` as a dictionary."""
        return self.numbers().as_info()

    # ---- the loop

    async def _drive(self) -> None:
        status = "failed"
        if not self.state.predecessors:
            self.clock.set_alarm(self._driver, self.state.wake)
        try:
            await self._work()
            if self._driver.draining and self.error is None and not self.state.is_cancelled:
                await self._finish_evaluations()
            if self.error is None:
                status = "cancelled" if self.state.is_cancelled else "finished"
        except LearnerBusyError as error:
            if self.state.is_cancelled:
                status = "cancelled"
            else:
                self.state.note_error(error)
            logger.warning("The run %r ended because its learner hangs: %s", self.name, error)
        except Exception as error:
            logger.exception("The run %r failed because of an internal error", self.name)
            self.state.note_error(_internal_error("failed because of an internal error", error))
        finally:
            self.clock.cancel_alarm()
            await self._end(status)

    async def _work(self) -> None:
        while not self.state.is_stopping:
            await self.state.wake.wait()
            self.state.wake.clear()
            if self.state.is_cancelled or (self.state.predecessors and self.error is not None):
                return
            if self.state.predecessors:
                continue
            async with self.state.turns.whenever():
                done = await self._step()
                # Sent within the turn, so that the points are assigned before other requests and reports are handled.
                self.sender.send()
            if self.error is not None or done:
                self.state.is_stopping = True
            else:
                self.slots.count_wanted()

    async def _step(self) -> bool:
        """Tell the learner the outcomes that arrived, and take new points; return True at the end of the run."""
        inbox = self.reports.take_inbox()
        room = 0
        if self.state.is_working:
            npoints = None if self.spec.session.ordered is not None else self._driver.npoints
            room = max(0, self.assignments.room(npoints, self.spec.evaluation.ntasks) - len(self.sender.unsent))
        begin, troubles = time.monotonic(), self._driver.troubles
        try:
            step: Step = await self.state.turns.call(self.learner.step, inbox, room, self.feed.is_watched)
        finally:
            inbox.close()
        if room:
            self.sender.has_no_more = len(step.points) < room
        self.sender.asks_no_more = step.asks_no_more
        if step.points:
            self.assignments.measure_step(time.monotonic() - begin, step.cpu_seconds, len(step.points))
        self.sender.unsent.extend(step.points)
        self._publish(step)
        if self._driver.troubles != troubles:
            self.feed.change_soon()
        if self._driver.error is not None:
            self.state.note_error(self._driver.error)
        return step.done

    async def _finish_evaluations(self) -> None:
        """Wait for evaluations in progress when the goal is reached, and tell their results."""
        await self._stop_evaluators()
        draining = self._driver.draining
        draining.begin()
        alarm = None
        if draining.left < math.inf:
            alarm = asyncio.get_running_loop().call_later(draining.left, self.state.wake.set)
        try:
            while not self.state.is_cancelled and (self.assignments.slots > 0 or self.reports.inbox.has_outcomes):
                if draining.left <= 0:
                    break  # evaluations in progress are given up, as at any other end
                ids = self.assignments.begun()
                async with self.state.turns.whenever():
                    await self.state.turns.call(self._driver.note_draining, ids)
                self.feed.change_soon()
                await self.state.wake.wait()
                self.state.wake.clear()
                async with self.state.turns.whenever():
                    await self._step()
        finally:
            draining.end()
            if alarm is not None:
                alarm.cancel()

    async def _end(self, status: str) -> None:
        self.state.is_stopping = True
        try:
            await self._stop_evaluators(now=True)
            await self._wait_for_evaluators(END_TIMEOUT_S)
            with contextlib.suppress(LearnerBusyError):  # the learner may hang forever
                async with self.state.turns.whenever():
                    step = await self.state.turns.call(self.learner.finish, self.feed.is_watched)
                    self._publish(step)
            if self._driver.checkpoint is not None:
                await self._host.resources.apart(self._driver.close)
        except Exception as error:
            logger.exception("The run %r could not be closed properly", self.name)
            self.state.note_error(_internal_error("could not be ended properly", error))
        self.assignments.clear()
        self.sender.unsent.clear()
        self._function = b""
        self.reports.take_inbox().close()
        await self.slots.end()
        self.clock.end()
        self.history.note_work(self.learner.cpu_seconds, is_last=True)
        self.history.note_loss(self._driver.npoints, self._driver.loss, is_last=True)
        self.state.set_status(status)
        reason = f": {str(self.error).partition(chr(10))[0]}" if self.error else ""
        logger.info("The run %r is %s with %d points%s", self.name, status, self._driver.npoints, reason)
        # A watcher that has not fetched the last results after this time takes a snapshot of the learner.
        asyncio.get_running_loop().call_later(scheduler_feed.RESULTS_TIMEOUT_S, self.feed.clear)
        self._host.on_end(self)

    async def _wait_for_evaluators(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.assignments.slots > 0:
                    self.state.wake.clear()
                    await self.state.wake.wait()

    async def _stop_evaluators(self, *, now: bool = False) -> None:
        # First, because otherwise a waiting evaluator would take the slot of one that leaves.
        await self.slots.release()
        self.sender.stop_all(now=now)

    def _publish(self, step: Step) -> None:
        self.history.note_loss(self._driver.npoints, self._driver.loss)
        self.history.note_infeasible(step.infeasible)
        if step.told:
            self.feed.publish(step.told, step.chunk)


def _internal_error(what: str, error: Exception) -> LearnerError:
    return LearnerError(f"The run {what}: {safe_repr(error)}").caused_by(error)
