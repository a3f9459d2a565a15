"""The points of a run on a worker: points that wait, and calls in progress."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from distributed import Worker
from distributed.core import Status

from adaptive_dask import output
from adaptive_dask.cluster.loading import describe_trouble, missing_module
from adaptive_dask.cluster.protocol import MAX_HUNG_THREADS, Evaluation
from adaptive_dask.cluster.worker_call import Call, Evaluator, Item, written_before
from adaptive_dask.cluster.worker_function import RunFunction
from adaptive_dask.cluster.worker_outbox import ReportSender, describe
from adaptive_dask.cluster.worker_thread import HeldThread
from adaptive_dask.cluster.worker_waiting import WaitingPoints
from adaptive_dask.errors import BatchShapeError, PointTimeoutError
from adaptive_dask.isolated.supervisor import EvaluationCancelledError
from adaptive_dask.logs import get_logger
from adaptive_dask.run import interruption
from adaptive_dask.run.batching import fair_batch, time_allowed
from adaptive_dask.run.pickling import PackedValue, dumps
from adaptive_dask.run.tracebacks import stack_of
from adaptive_dask.user_code import guarded

logger = get_logger(__name__)

# The number of points that a worker evaluates concurrently if the function is asynchronous, without ntasks.
MAX_ASYNC_POINTS = 32

# If a cancelled coroutine does not end within this time (seconds), its event loop counts as blocked.
CANCEL_TIMEOUT_S = 2.0

SMOOTHING = 0.2  # the weight of the newest duration in a running mean


class PointQueue:
    """The points of a run on a worker, and the function.

    Parameters
    ----------
    run : str
    worker : Worker
    on_idle : callable
        Called with this queue when its last evaluator has left.
    function : RunFunction, optional
        The function, if an earlier queue of the run has fetched it.

    Attributes
    ----------
    waiting : WaitingPoints
        The points that evaluators take.
    reports : ReportSender
    function : RunFunction
    seconds_per_point : float or None
        Running mean of the duration of an evaluation.
    is_stopped : bool
        True if the run does not need evaluators on this worker any more.
    """

    def __init__(
        self,
        run: str,
        worker: Worker,
        on_idle: Callable[[PointQueue], None],
        function: RunFunction | None = None,
    ) -> None:
        self.run = run
        self.worker = worker
        self.waiting = WaitingPoints(worker, self._give_back)
        self.seconds_per_point: float | None = None
        self._on_idle = on_idle
        self._lock = threading.Lock()  # guards all that follows
        self.reports = ReportSender(run, worker, self._lock, self._state)
        self._evaluators: set[Evaluator] = set()
        self._in_flight: dict[Call, None] = {}
        self._cancelling: dict[Call, float] = {}
        self._hung = 0
        self.is_stopped = False
        self._aborted = False
        self._watching = False
        self._wakers: set[Callable[[], None]] = set()  # for evaluators that do not wait in `WaitingPoints.get`
        self.function = function or RunFunction(run, worker)
        self._is_broken = False  # True if the function cannot be loaded

    @property
    def is_over(self) -> bool:
        with self._lock:
            return not self._evaluators and not self._hung

    @property
    def is_wanted(self) -> bool:
        """True if evaluators should continue; False on a worker that is paused, retiring or closing."""
        return not self.is_stopped and self.worker.status == Status.running

    @property
    def evaluation(self) -> Evaluation:
        """The options for calling the function."""
        return self.function.evaluation

    # ---- from the evaluators' threads

    def join(self) -> Evaluator:
        """Add an evaluator; the scheduler is told when it has the function."""
        evaluator = Evaluator(HeldThread(self.worker))
        with self._lock:
            self._evaluators.add(evaluator)
        return evaluator

    def leave(self, evaluator: Evaluator) -> None:
        """Remove an evaluator; with the last one, return the points that wait to the scheduler."""
        with self._lock:
            if evaluator.is_given_up:
                self._hung -= 1
            self._evaluators.discard(evaluator)
            if not self._evaluators:
                self.reports.outbox.returned += self.waiting.drain()
            self.reports.send_soon()
        if evaluator.is_given_up or evaluator.thread.is_replaced:
            evaluator.thread.end()
        self._on_idle(self)

    def load_function(self) -> Callable[[Any], Any] | None:
        """Return the function, fetched once; None if the run has ended or the function cannot be loaded."""
        try:
            function = guarded(self.function.get)
        except Exception as error:
            with self._lock:
                self._is_broken = True
                self.reports.outbox.broken = (missing_module(error), describe_trouble(error))
                self.reports.outbox.returned += self.waiting.drain()
                self.reports.send_soon()
            return None
        if function is None:
            self.stop()
            return None
        with self._lock:
            self._is_broken = False
            self.reports.send_soon()
        return function

    def get_batch(self, first: Item) -> list[Item]:
        """Return the points of a call, of which `first` is one."""
        if first.alone:
            return [first]
        with self._lock:
            takers = sum(evaluator.is_taking for evaluator in self._evaluators)
        return self.waiting.gather(first, fair_batch(self.seconds_per_point, len(self.waiting) + 1, takers))

    def begin(self, evaluator: Evaluator, items: Sequence[Item]) -> Call:
        """Record that a call begins."""
        call = Call(evaluator, items, output.begin())
        interruption.begin(partial(self.set_cancel, call))
        timeout = self.evaluation.point_timeout
        with self._lock:
            self._in_flight[call] = None
            # With a separate process, the thread checks the time itself.
            if timeout is not None and not self._watching and not self.evaluation.isolate:
                self._watching = True
                self.worker.loop.add_callback(self._watch, timeout)
        return call

    def set_cancel(self, call: Call, cancel: Callable[[], None] | None, where: str = "") -> None:
        """Set the function that cancels a call; None if the call cannot be cancelled any more."""
        with self._lock:
            call.cancel, call.where = cancel, where
            if self._aborted:
                self._in_flight.pop(call, None)
            is_wanted = call in self._in_flight
        if cancel is not None and not is_wanted:
            cancel()

    def finish(self, call: Call, values: Sequence[PackedValue]) -> None:
        """Report the values of a call, one for each point, unless it was given up."""
        seconds = (time.perf_counter() - call.begin) / len(values)
        with self._lock:
            if not self._has_ended(call):
                return
            outbox = self.reports.outbox
            outbox.ids += call.ids
            outbox.values += values
            outbox.durations += [seconds] * len(values)
            before = self.seconds_per_point
            self.seconds_per_point = seconds if before is None else before + SMOOTHING * (seconds - before)
            self.reports.send_result(len(self.waiting))

    def fail(self, call: Call, error: BaseException) -> None:
        """Report the error of a call, unless it was given up.

        If it has many points, they are evaluated one by one instead, so that only the culprit fails.
        """
        seconds = time.perf_counter() - call.begin
        # Single points would fail in the same way, or are not needed any more.
        is_final = len(call.items) == 1 or isinstance(error, BatchShapeError | EvaluationCancelledError)
        failure = describe(error, call) if is_final else None
        with self._lock:
            if not self._has_ended(call):
                return
            if failure is None:
                self._put_alone(call.items)
                return
            logger.info("An evaluation of the run %s failed: %s", self.run, failure[0].rstrip().rpartition("\n")[-1])
            self.reports.outbox.failures.update(dict.fromkeys(call.ids, failure))
            self.reports.outbox.seconds_of_failures += seconds
            self.reports.send_soon()

    def set_width(self, evaluator: Evaluator, *, is_taking: bool) -> int:
        """Set and return the number of points that an evaluator of an asynchronous function evaluates concurrently."""
        ntasks = self.evaluation.ntasks
        with self._lock:
            evaluator.is_taking = is_taking
            evaluator.width = ntasks or math.ceil(MAX_ASYNC_POINTS / self.worker.state.nthreads)
            self.reports.send_soon()
        return evaluator.width

    def call_when_due(self, waker: Callable[[], None]) -> None:
        """Call `waker` whenever points arrive or evaluators have to leave."""
        with self._lock:
            self._wakers.add(waker)

    def call_no_more(self, waker: Callable[[], None]) -> None:
        with self._lock:
            self._wakers.discard(waker)

    # ---- from the worker's event loop

    @property
    def in_flight(self) -> list[Call]:
        """The calls in flight."""
        with self._lock:
            return list(self._in_flight)

    def put(
        self, ids: Sequence[int], points: Sequence[PackedValue], sent: float, seconds: float, enough: int | None = None
    ) -> None:
        """Queue points, or return them if there are no evaluators.

        Parameters
        ----------
        seconds : float
            The expected duration of each evaluation.
        enough : int, optional
            While more points than this wait, results can be batched.
        """
        with self._lock:
            self.waiting.seconds = seconds
            self.reports.note_points(sent, enough)
            if not self._evaluators or self.is_stopped or self._is_broken:
                self.reports.outbox.returned += ids
                self.reports.send_soon()
                return
            self.waiting.put([Item(pid, packed) for pid, packed in zip(ids, points, strict=True)])
            self._wake()

    def drop(self, ids: Sequence[int]) -> None:
        """Give up points, without a report about them."""
        unwanted = set(ids)
        with self._lock:
            # If a call evaluates other points as well, the outcomes of the given points are ignored.
            calls = [call for call in self._in_flight if unwanted.issuperset(call.ids)]
            self.waiting.drop(unwanted.difference(*(call.ids for call in calls)))
        for call in calls:
            self._give_up(call)

    def stop(self, *, now: bool = False) -> None:
        """Let every evaluator leave after its calls; with ``now``, cancel the calls if possible."""
        with self._lock:
            self.is_stopped = True
            self._aborted |= now
            self.waiting.drain()
            self.waiting.send_away(len(self._evaluators))
            calls = [call for call in self._in_flight if call.cancel is not None] if now else []
            for call in calls:
                del self._in_flight[call]
            self._wake()
        for call in calls:
            if call.cancel is not None:
                call.cancel()

    def give_up_all(self) -> None:
        """Free the slots of evaluators that are still in a call although the run has ended."""
        if self.worker.status not in (Status.running, Status.paused, Status.closing_gracefully):
            return
        with self._lock:
            evaluators = list(self._evaluators)
        for evaluator in evaluators:
            self._give_up_evaluator(evaluator)

    def send_away(self, keep: int) -> None:
        """Let evaluators leave, after the points that wait here have begun, until `keep` are left."""
        with self._lock:
            self.waiting.send_away(len(self._evaluators) - self.waiting.leaving - keep)
            self._wake()

    def _watch(self, timeout: float) -> None:
        """Give up calls that take too long, and check again soon while calls are in flight."""
        now = time.perf_counter()
        with self._lock:
            late = [call for call in self._in_flight if now - call.begin > time_allowed(timeout, len(call.items))]
            blocked = [call for call, until in self._cancelling.items() if now > until]
        for call in late:
            if len(call.items) == 1:
                self._give_up(call, timeout=timeout)
            else:  # one of the points is the culprit
                self._give_up(call, again=call.items)
        for call in blocked:
            self._give_up_evaluator(call.evaluator)
        with self._lock:
            self._watching = bool(self._in_flight or self._cancelling)
            if self._watching:
                self.worker.loop.call_later(min(1.0, timeout / 5), self._watch, timeout)

    def _give_up(self, call: Call, *, timeout: float | None = None, again: Sequence[Item] = ()) -> None:
        """Forget a call in progress, report it if it took too long, and free its place."""
        where = call.where or (stack_of(call.evaluator.thread.thread) if call.cancel is None else "(asynchronous)")
        with self._lock:
            if self._in_flight.pop(call, self) is self:
                return
            seconds = time.perf_counter() - call.begin
            if timeout is not None:
                error = PointTimeoutError.after(seconds, timeout, where)
                logger.info("An evaluation of the run %s was given up after %.3g s", self.run, seconds)
                self.reports.outbox.failures.update(
                    dict.fromkeys(call.ids, (written_before(str(error), call), dumps(error)))
                )
                self.reports.outbox.seconds_of_failures += seconds
            self._put_alone(again)
            if call.cancel is not None:
                self._cancelling[call] = time.perf_counter() + CANCEL_TIMEOUT_S
            self.reports.send_soon()
            self._wake()
        if call.cancel is not None:
            call.cancel()
        else:
            self._give_up_evaluator(call.evaluator)

    def _give_up_evaluator(self, evaluator: Evaluator) -> None:
        """Let another evaluator replace one that hangs."""
        with self._lock:
            if evaluator not in self._evaluators:
                return
            for call in [call for call in self._in_flight if call.evaluator is evaluator]:
                del self._in_flight[call]
                self.reports.outbox.returned += call.ids
            for call in [call for call in self._cancelling if call.evaluator is evaluator]:
                del self._cancelling[call]
            evaluator.is_given_up = True
            self._evaluators.discard(evaluator)
            self._hung += 1
            if not self._evaluators:
                self.reports.outbox.returned += self.waiting.drain()
            can_go = self._hung <= MAX_HUNG_THREADS
            if can_go:
                self.reports.outbox.given_up.append(evaluator.thread.task)
            self.reports.send_soon()
        if can_go:
            evaluator.thread.give_back()
        self._on_idle(self)

    # ---- with the lock held

    def _state(self) -> dict[str, Any]:
        """Return the fields of a report about the state of the run."""
        busy = sum(evaluator.width for evaluator in self._evaluators if evaluator.is_taking)
        busy += sum(not call.evaluator.is_taking for call in self._in_flight)
        slots = 0 if self._is_broken else len(self._evaluators)
        state: dict[str, Any] = {"slots": slots, "places": busy, "hung": self._hung}
        if self.waiting.lifetime is not None:
            state["lifetime"] = self.waiting.lifetime.as_reported()
        return state

    def _has_ended(self, call: Call) -> bool:
        """Record the end of a call; return False if it was given up."""
        self._cancelling.pop(call, None)
        return self._in_flight.pop(call, self) is not self

    def _wake(self) -> None:
        for waker in self._wakers:
            waker()

    def _put_alone(self, items: Sequence[Item]) -> None:
        self.waiting.put(item._replace(alone=True) for item in items)

    # ----

    def _give_back(self, pid: int) -> None:
        with self._lock:
            self.reports.outbox.returned.append(pid)
            self.reports.send_soon()
