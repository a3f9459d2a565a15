"""A run on a local executor, which is driven in a thread of this process."""

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
from adaptive_dask.local.flight import LocalArrivals
from adaptive_dask.local.isolated_pool import IsolatedPool
from adaptive_dask.local.learner_lock import LearnerLock
from adaptive_dask.local.loop_pool import LoopPool
from adaptive_dask.logs import get_logger
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.driver import Arrivals, Driver
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.status import RunStatus, coarse_status
from adaptive_dask.runner import program_end
from adaptive_dask.runner.replica import Replica
from adaptive_dask.runner.run import Run
from adaptive_dask.runner.task import running_loop
from adaptive_dask.runner.updates import INTERVAL_S, Updates
from adaptive_dask.storage.learner_copy import working_copy
from adaptive_dask.user_code import is_interrupt

logger = get_logger(__name__)


class LocalRun(Run):
    """A run with its driver in this process, and an executor that evaluates the points.

    Parameters
    ----------
    name : str
    driver : Driver
        No other code may use its learner.
    dispatch : Dispatch
    replica : Replica
    shutdown : bool
        Whether to shut the executor down at the end.
    """

    def __init__(self, name: str, driver: Driver, dispatch: Dispatch, replica: Replica, *, shutdown: bool) -> None:
        super().__init__(name, replica)
        self._begun_at = time.monotonic()
        self._ended: float | None = None
        self._driver = driver
        self._session = driver.session
        self._lock = LearnerLock(name)
        self._dispatch = dispatch
        self._flight = dispatch.flight
        self._pool = dispatch.flight.pool
        self._updates = Updates(replica)
        self._shutdown = shutdown
        self._phase = "running"  # for the thread of the run; `status` is updated with the results
        self._is_paused = False
        self._is_cancelled = False
        self._is_at_end = False

    @property
    def executor(self) -> Any:
        """The executor that evaluates the points."""
        return self._pool.executor

    @property
    def user_loop(self) -> asyncio.AbstractEventLoop | None:
        """The user's event loop, if it evaluates the points."""
        return self._pool.user_loop if isinstance(self._pool, CoroutinePool | LoopPool) else None

    @property
    def evaluates_in_wait(self) -> bool:
        """True if `wait_for_results`, in the thread of `user_loop`, evaluates points."""
        return isinstance(self._pool, LoopPool)

    def start(self, *, in_this_thread: bool = False) -> None:
        """Start the run in a thread, or execute it in this thread if points have to be evaluated here.

        Parameters
        ----------
        in_this_thread : bool, default: False
            True if this thread waits for the end of the run.
        """
        if in_this_thread and self._pool.is_sequential:
            try:
                self.drive()
            finally:  # even after Ctrl-C
                self.replica.apply()
            return
        try:
            program_end.note_run(self)
            threading.Thread(target=self.drive, name=f"adaptive-run-{self.name}", daemon=True).start()
        except BaseException:  # Ctrl-C: the user has no runner with which to cancel the run
            self.cancel_soon()
            raise

    # ---- commands; from any thread

    def do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a command."""
        return call(*args, **kwargs)

    def control(self, action: str) -> None:
        """Cancel, pause or resume the run."""
        if action == "cancel":
            self.cancel_soon()
            threading.Thread(target=self._give_up_if_late, name=f"adaptive-cancel-{self.name}", daemon=True).start()
        elif action in ("pause", "resume"):
            self._is_paused = action == "pause"
            self._flight.wake()

    def cancel_soon(self) -> None:
        """Cancel the run, without waiting for it."""
        self._is_cancelled = True
        if isinstance(self._pool, IsolatedPool):
            self._pool.close()  # the thread of the run may be waiting for an evaluation
        self._flight.wake()

    def tell(self, points: Sequence[Any], values: Sequence[Any]) -> None:
        """Tell the learner other results; the first error is raised after all of them."""
        with self._lock.request():
            told, error = self._driver.tell_from_elsewhere(list(zip(points, values, strict=True)))
            self._updates.tell(told)
        self._flight.wake()
        if error is not None:
            raise error

    def set_goal(self, goal: Goal) -> None:
        """Set another goal; raises an error if the run has ended."""
        with self._lock.request():
            self._driver.set_goal(goal, self.name, is_over=self._is_at_end)
        self._flight.wake()

    def drop(self, points: list[Any], ids: list[int]) -> list[tuple[int, Any]]:
        """Give up points that have no outcome; results of calls in progress are ignored."""
        with self._lock.request():
            dropped = self._driver.drop(ids, points)
            self._updates.tell(self._driver.tell(Arrivals()))
        self._flight.give_up(pid for pid, _ in dropped)
        return dropped

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with the run's learner."""
        with self._lock.request():
            told = self._session.told
            try:
                return self._driver.call(function, *args, **kwargs)
            finally:
                if self._session.told != told:
                    self._updates.copy(self._session.learner)
                    self._flight.wake()

    def wait_for_results(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for results."""
        if isinstance(self._pool, LoopPool) and self._pool.user_loop is running_loop():
            self._pool.evaluate_next(min(timeout, INTERVAL_S))
        else:
            self.replica.arrived.wait(timeout)

    @contextlib.contextmanager
    def borrowed_learner(self) -> Iterator[Any]:
        """Lend a learner with all data, which does not change in the meantime."""
        with self._lock.request():
            learner = working_copy(self._session.learner)
            if learner is self._session.learner:  # the learner cannot be copied, so the run waits
                yield learner
                return
        yield learner

    def inspect(self) -> dict[str, Any]:
        """Return the points in flight, the failures, and the log."""
        with self._lock.request():
            return self._driver.inspect()

    @property
    def details(self) -> dict[str, Any]:
        """The same as `inspect`."""
        return self.inspect()

    @property
    def elapsed(self) -> float:
        """Duration of the run so far in seconds, on the monotonic clock."""
        return time.monotonic() - self._begun_at if self._ended is None else self._ended - self.started

    @property
    def summary(self) -> dict[str, Any]:
        """The present status, see `RunStatus.as_info`."""
        slots, hung = self._dispatch.slots, self._flight.hung
        status = RunStatus(
            name=self.name,
            status=self._phase,
            ended=self._ended,
            slots=slots if self._ended is None else 0,
            busy=min(slots, self._flight.batches),
            in_flight=self._flight.count,
            hung={type(self.executor).__name__: hung} if hung else {},
            evaluated=self._flight.evaluated,
            waits_for=self._waits_for(),
            function_seconds=self._flight.seconds,
            slot_seconds=slots * self.elapsed,
            **self._driver.numbers(self.started, self.elapsed),
        )
        return status.made_plain().as_info()

    def _waits_for(self) -> str | None:
        if self._ended is not None:
            return None
        return self._lock.waits_for or self._driver.draining.describe() or self._flight.waits_for()

    # ---- the thread of the run

    def drive(self) -> None:
        """Execute the run in this thread; Ctrl-C cancels the run and is raised again."""
        status, error = "failed", None
        try:
            self._flight.wake()
            self._work()
            self._is_at_end = True
            if self._driver.draining and not self._is_cancelled and self._session.error is None:
                self._drain()
            status = "cancelled" if self._is_cancelled else "finished"
        except BaseException as trouble:
            if is_interrupt(trouble):
                status = "cancelled"
                raise
            logger.exception("The run %r failed because of an internal error", self.name)
            error = LearnerError(f"The run failed because of an internal error: {safe_repr(trouble)}").caused_by(
                trouble
            )
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
                room = (
                    0 if self._is_paused else self._dispatch.room(self._driver.seconds / max(1, self._flight.evaluated))
                )
                taken = self._driver.take(room)
                if self._session.done:  # the learner raised an error, or has no more points
                    return
            self._send(taken)
            if taken and not has_sent:
                has_sent = True
                program_end.come_before(self.executor)
            self._show("paused" if self._is_paused else "running")

    def _drain(self) -> None:
        """Wait for evaluations in flight, and tell their results; evaluations that take too long are given up."""
        self._flight.recall()
        self._driver.draining.begin()
        try:
            while self._flight.count and not self._is_cancelled and self._session.error is None:
                if self._driver.draining.left <= 0:
                    break
                ids = self._flight.ids
                with self._lock:
                    self._driver.note_draining(ids)
                self._show("draining")
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
        status = "failed" if error is not None else status
        self._note_end(status)
        self._updates.are_over = True
        if self._shutdown:
            try:
                self._pool.shutdown(wait=is_idle)
            except Exception:
                logger.exception("The executor of the run %r could not be shut down", self.name)
        if not self._updates.are_stopped:
            self.replica.make_up(lambda: self._session.learner)
            self.resolve(status, error)

    def _note_end(self, status: str) -> None:
        if self._ended is None:
            self._ended = self.started + self.elapsed
            self._phase = status

    def _give_up_if_late(self) -> None:
        """Resolve a cancelled run whose learner hangs as soon as the call is late; runs in a separate thread."""
        while not self.done.done():
            left = self._lock.time_left()
            if left <= 0:
                self._updates.are_stopped = True
                self._flight.abandon()
                self._note_end("cancelled")
                self.resolve("cancelled", None)
                return
            concurrent.futures.wait([self.done], timeout=left)

    def _patience(self) -> float | None:
        """Return the time to wait for the next event, in seconds."""
        if self._driver.draining.is_under_way:
            limit: float | None = self._driver.draining.left
        else:
            limit = self._driver.goal.next_check(self.elapsed)
        patience = min(self._updates.seconds_left, math.inf if limit is None else limit)
        return None if patience == math.inf else max(0.0, patience)

    def _take_in(self, arrivals: LocalArrivals) -> None:
        self._dispatch.blame(arrivals)
        told = self._driver.tell(arrivals)
        self._dispatch.note(arrivals)
        self._updates.tell(told)

    def _send(self, taken: list[tuple[int, Any]]) -> None:
        try:
            self._dispatch.send(taken, self._is_paused)
        except NotSent as trouble:
            with self._lock:
                self._session.give_back(trouble.ids)
                self._mend(trouble.__cause__ or trouble)

    def _mend(self, trouble: BaseException) -> None:
        """Replace an executor that accepts no more points, or fail."""
        if not (isinstance(trouble, concurrent.futures.BrokenExecutor) and self._pool.revive()):
            self._session.fail(_executor_error(self.executor, trouble))
        self._flight.wake()

    def _show(self, phase: str) -> None:
        """Update the replica if it is time, or if the phase has changed."""
        if self._updates.begin_next(force=phase != self._phase):
            self._phase = phase
            self.show(coarse_status(phase))


def _executor_error(executor: Any, trouble: BaseException) -> WorkerLostError:
    text = "".join(traceback.format_exception_only(trouble)).strip()
    error = WorkerLostError(
        f"The {type(executor).__name__} accepts no more points: {text}. The results so far are in the learner; "
        "start a run with a new executor to continue."
    )
    return error.caused_by(trouble)
