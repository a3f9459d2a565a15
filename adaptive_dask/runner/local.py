"""A run on a local executor: drives its session in a thread of this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adaptive_dask.errors import AdaptiveError, LearnerError, WorkerLostError
from adaptive_dask.local.coroutines import CoroutinePool
from adaptive_dask.local.dispatch import Dispatch, NotSent
from adaptive_dask.local.flight import Flight, LocalArrivals
from adaptive_dask.local.isolated_pool import IsolatedPool
from adaptive_dask.local.loop_pool import LoopPool
from adaptive_dask.plain import get_logger, safe_repr
from adaptive_dask.run.driver import Arrivals, Driver
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Told
from adaptive_dask.run.status import RunStatus
from adaptive_dask.runner import program_end
from adaptive_dask.runner.calls import name_run
from adaptive_dask.runner.replica import Replica
from adaptive_dask.runner.task import running_loop
from adaptive_dask.storage.learner_copy import working_copy
from adaptive_dask.user_code import is_interrupt

logger = get_logger(__name__)

# The learner that was passed in is told what has gathered in so long (seconds); if that are many results, they
# are told less often, for each then costs less.
INTERVAL = 0.1
INTERVAL_OF_MANY = 0.5
MANY = 100

# A run that has had no result for so long says who has the workers (seconds).
LONG_WAIT = 1.0


class LocalRun:
    """A run whose driver is in this process, and whose points go to an executor.

    Parameters
    ----------
    name : str
    driver : Driver
        On a learner that nobody else uses.
    flight : Flight
    dispatch : Dispatch
        Of this flight.
    replica : Replica
    slots : int
        How many evaluations go on at a time.
    shutdown : bool
        Whether to shut the executor down at the end.

    Attributes
    ----------
    done : concurrent.futures.Future
        Resolved when the run has ended and the replica has all its results: with None, with the error
        of a failed run, or cancelled.
    status : str
        running, paused, finished, cancelled or failed; never ahead of the replica.
    """

    asynchronous = False
    outlives_program = None
    is_withdrawn = False

    def __init__(
        self,
        name: str,
        driver: Driver,
        flight: Flight,
        dispatch: Dispatch,
        replica: Replica,
        *,
        slots: int,
        shutdown: bool,
    ) -> None:
        self.name = name
        self.replica = replica
        self.done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.status = "running"
        self.started = time.time()
        self._begun_at = time.monotonic()
        self.losses_before: Sequence[tuple[float, int, float]] = ()  # nobody joins it
        self._ended: float | None = None
        self._driver = driver
        self._session = driver.session
        self._lock = threading.RLock()  # whoever calls the driver, the session or the learner holds it
        self._flight = flight
        self._dispatch = dispatch
        self._pool = flight.pool
        self._slots = slots
        self._last_outcome = self._begun_at
        self._shutdown = shutdown
        self._phase = "running"  # as the run's thread sees it; status follows with the results
        self._is_paused = False
        self._is_cancelled = False
        self._is_at_end = False
        self._evaluated = 0
        self._function_seconds = 0.0
        self._gathered = 0
        self._next_update: float | None = None
        self._last_update = 0.0

    @property
    def executor(self) -> Any:
        """The executor that the points go to."""
        return self._pool.executor

    @property
    def user_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the user's without which the run does not go on."""
        return self._pool.user_loop if isinstance(self._pool, CoroutinePool | LoopPool) else None

    @property
    def is_evaluated_by_who_waits(self) -> bool:
        """Whether `wait_for_results`, in the thread of `user_loop`, evaluates what the loop does not come to."""
        return isinstance(self._pool, LoopPool)

    @property
    def is_sequential(self) -> bool:
        """Whether points are evaluated in the thread that calls `drive`."""
        return self._pool.is_sequential

    def start(self) -> None:
        """Run in a thread of its own; points that are evaluated where they are submitted are evaluated there."""
        program_end.note_run(self)
        threading.Thread(target=self.drive, name=f"adaptive-run-{self.name}", daemon=True).start()

    # ---- commands; from any thread

    def do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return call(*args, **kwargs)

    def control(self, action: str) -> None:
        """Have the run cancelled, paused or resumed."""
        if action == "cancel":
            self._is_cancelled = True
            if isinstance(self._pool, IsolatedPool):
                self._pool.close()  # the run's thread may wait for an evaluation
        elif action in ("pause", "resume"):
            self._is_paused = action == "pause"
        self._flight.wake()

    def cancel_soon(self) -> None:
        """Have the run cancelled, without waiting for it."""
        self.control("cancel")

    def tell(self, points: Sequence[Any], values: Sequence[Any]) -> None:
        """Tell the learner results from elsewhere; raises the first that it refuses, and tells the others."""
        with self._lock:
            told, error = self._driver.tell_from_elsewhere(list(zip(points, values, strict=True)))
            self._publish(told)
        self._flight.wake()
        if error is not None:
            raise error

    def set_goal(self, goal: Goal) -> None:
        """Take another goal; an error if the run is at its end."""
        with self._lock:
            self._driver.set_goal(goal, self.name, is_over=self._is_at_end)
        self._flight.wake()

    def drop(self, points: list[Any], ids: list[int]) -> list[tuple[int, Any]]:
        """Give up points that have no outcome yet; what calls under way return is ignored."""
        with self._lock:
            dropped = self._driver.drop(ids, points)
            self._publish(self._driver.tell(Arrivals()))
        self._flight.give_up(pid for pid, _ in dropped)
        return dropped

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with the run's learner, between two of its turns."""
        with self._lock:
            told = self._session.told
            try:
                return self._driver.call(function, *args, **kwargs)
            finally:
                if self._session.told != told:
                    self._show_learner()

    def wait_for_results(self, timeout: float) -> None:
        """Sleep until something has arrived for the replica, for so many seconds at most."""
        if isinstance(self._pool, LoopPool) and self._pool.user_loop is running_loop():
            self._pool.evaluate_next(min(timeout, INTERVAL))
        else:
            self.replica.arrived.wait(timeout)

    @contextlib.contextmanager
    def borrowed_learner(self) -> Iterator[Any]:
        """A learner with all data, that does not change in the meantime."""
        with self._lock:
            learner = working_copy(self._session.learner)
            if learner is self._session.learner:  # it cannot be copied, so the run waits
                yield learner
                return
        yield learner

    def inspect(self) -> dict[str, Any]:
        """Points on their way, failures and log."""
        with self._lock:
            return self._driver.inspect()

    @property
    def details(self) -> dict[str, Any]:
        """What `inspect` returns."""
        return self.inspect()

    @property
    def elapsed(self) -> float:
        """For how long the run has been going on, or went on (seconds), by a clock that nobody sets."""
        return time.monotonic() - self._begun_at if self._ended is None else self._ended - self.started

    @property
    def summary(self) -> dict[str, Any]:
        """How the run stands."""
        status = RunStatus(
            name=self.name,
            status=self._phase,
            ended=self._ended,
            slots=self._slots if self._ended is None else 0,
            busy=min(self._slots, self._flight.batches),
            in_flight=self._flight.count,
            hung={type(self.executor).__name__: hung} if (hung := self._flight.hung) else {},
            evaluated=self._evaluated,
            waits_for=self._waits_for(),
            function_seconds=self._function_seconds,
            slot_seconds=self._slots * self.elapsed,
            **self._driver.numbers(self.started, self.elapsed),
        )
        return status.made_plain().as_info()

    # ---- the run's thread

    def drive(self) -> None:
        """Run, in this thread; Ctrl-C cancels the run and is raised again."""
        status, error = "failed", None
        try:
            self._flight.wake()
            self._work()
            self._is_at_end = True
            if self._driver.draining and not self._is_cancelled and self._session.error is None:
                self._finish_evaluations()
            status = "cancelled" if self._is_cancelled else "finished"
        except BaseException as trouble:
            if is_interrupt(trouble):
                status = "cancelled"
                raise
            logger.exception("The run %r failed inside", self.name)
            error = LearnerError(f"The run failed inside: {safe_repr(trouble)}").caused_by(trouble)
        finally:
            self._end(status, error)

    def _work(self) -> None:
        has_sent = False
        while not self._is_cancelled:
            arrivals = self._flight.collect(self._patience())
            with self._lock:
                self._take_in(arrivals)
                if arrivals.broken is not None and not self._session.done:
                    self._mend(arrivals.broken)
                self._driver.time_is_up = self._driver.goal.is_time_up(self.elapsed)
                if self._driver.done:
                    return
                taken = self._driver.take(self._room())
                if self._session.done:  # the learner raised, or has no points: nothing is out that could end the wait
                    return
            self._send(taken)
            if taken and not has_sent:
                has_sent = True
                program_end.come_before(self.executor)
            self._update()

    def _finish_evaluations(self) -> None:
        """Let evaluations that are under way finish, and tell them."""
        self._flight.recall()
        self._driver.draining.begin()
        try:
            while self._flight.count and not self._is_cancelled and self._session.error is None:
                if self._driver.draining.left <= 0:
                    break  # those that are under way are given up, as at any other end
                ids = self._flight.ids
                with self._lock:
                    self._driver.note_draining(ids)
                self._update()
                arrivals = self._flight.collect(self._patience())
                with self._lock:
                    self._take_in(arrivals)
                    self._driver.look()
        finally:
            self._driver.draining.end()

    def _end(self, status: str, error: AdaptiveError | None) -> None:
        is_idle = not (self._flight.count or self._flight.hung)
        self._flight.abandon()
        self._pool.close()
        with self._lock:
            self._driver.finish()
        self._driver.close()
        error = error or self._session.error
        self._ended = self.started + self.elapsed
        self._phase = status = "failed" if error is not None else status
        if self._shutdown:
            self._shut_down(wait=is_idle)
        self.replica.make_up(lambda: self._session.learner)
        self.replica.then(lambda: self._resolve(status, error))

    # ---- inside

    def _patience(self) -> float | None:
        """For how long to wait for something to happen, in seconds."""
        ends = [] if self._next_update is None else [self._next_update - time.monotonic()]
        if self._driver.draining.is_under_way:
            ends.append(self._driver.draining.left)
        else:
            check = self._driver.goal.next_check(self.elapsed)
            ends += [] if check is None else [check]
        patience = min(ends, default=math.inf)
        return None if patience == math.inf else max(0.0, patience)

    def _waits_for(self) -> str | None:
        """What keeps the run from going on, or from ending."""
        if self._driver.draining.is_under_way:
            return self._driver.draining.describe()
        if self._ended is not None or time.monotonic() < self._last_outcome + LONG_WAIT:
            return None
        return self._flight.waits_for()

    def _room(self) -> int:
        if self._is_paused:
            return 0
        return self._dispatch.room(self._driver.seconds / max(1, self._evaluated))

    def _take_in(self, arrivals: LocalArrivals) -> None:
        if arrivals.outcomes or arrivals.lost:
            self._last_outcome = time.monotonic()
            self._evaluated += len(arrivals.outcomes)
            self._function_seconds += arrivals.seconds
        self._dispatch.blame(arrivals)
        told = self._driver.tell(arrivals)
        self._dispatch.note(arrivals)
        self._publish(told)

    def _send(self, taken: list[tuple[int, Any]]) -> None:
        try:
            self._dispatch.send(taken, self._is_paused)
        except NotSent as trouble:
            with self._lock:
                self._session.give_back(trouble.ids)
                self._mend(trouble.__cause__ or trouble)

    def _mend(self, trouble: BaseException) -> None:
        """The executor takes no more points: replace it, or the run has failed."""
        if isinstance(trouble, concurrent.futures.BrokenExecutor) and self._pool.revive():
            self._flight.wake()
        else:
            self._session.fail(_executor_error(self._pool.executor, trouble))
            self._flight.wake()

    def _publish(self, told: Told) -> None:
        if told:
            xs, ys = zip(*told, strict=True)
            self.replica.tell(xs, ys)
            few, self._gathered = self._gathered < MANY, self._gathered + len(told)
            if self._next_update is None:
                self._next_update = max(time.monotonic(), self._last_update + INTERVAL)
            elif few and self._gathered >= MANY:
                self._next_update = self._last_update + INTERVAL_OF_MANY

    def _show_learner(self) -> None:
        """Let the learner that was passed in have what this one was told by somebody else."""
        if self._session.learner is not self.replica.learner:
            copy = working_copy(self._session.learner)
            self.replica.copy_from(lambda: copy)
        if self._next_update is None:
            self._next_update = time.monotonic()
        self._flight.wake()

    def _update(self) -> None:
        """Let the learner that was passed in know, when it is time."""
        status = phase = "paused" if self._is_paused else "running"
        if self._driver.draining.is_under_way:
            status, phase = "running", "draining"
        now = time.monotonic()
        if phase != self._phase or (self._next_update is not None and now >= self._next_update):
            self._phase = phase
            self._next_update, self._last_update, self._gathered = None, now, 0
            self.replica.then(lambda: self._set_status(status))

    def _set_status(self, status: str) -> None:
        self.status = status

    def _resolve(self, status: str, error: AdaptiveError | None) -> None:
        self.status = status
        if status == "cancelled":
            self.done.cancel()
            self.done.set_running_or_notify_cancel()
        elif error is not None:
            name_run(error, self.name, self.replica.learner)
            self.done.set_exception(error)
        else:
            self.done.set_result(None)

    def _shut_down(self, wait: bool) -> None:
        try:
            self._pool.shutdown(wait)
        except Exception:
            logger.exception("The executor of the run %r could not be shut down", self.name)


def _executor_error(executor: Any, trouble: BaseException) -> WorkerLostError:
    text = "".join(traceback.format_exception_only(trouble)).strip()
    error = WorkerLostError(
        f"The {type(executor).__name__} takes no more points: {text}. The results so far are in the learner; "
        "start a run with a new executor to go on from there."
    )
    return error.caused_by(trouble)
