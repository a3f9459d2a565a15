"""The points of one run on one worker: those that wait, those under way, and results that wait to be sent."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from distributed.core import Status

from adaptive_dask import output
from adaptive_dask.cluster.loading import describe_trouble, missing_module
from adaptive_dask.cluster.protocol import MOST_HUNG, Echo, Evaluation
from adaptive_dask.cluster.worker_function import RunFunction
from adaptive_dask.cluster.worker_gathering import LONGEST, Gathering
from adaptive_dask.cluster.worker_outbox import Outbox, describe, forget_sent, log_location, report
from adaptive_dask.cluster.worker_thread import HeldThread
from adaptive_dask.cluster.worker_waiting import WaitingPoints
from adaptive_dask.cluster.worker_work import Item, Seat, Work, written_before
from adaptive_dask.errors import PointTimeoutError
from adaptive_dask.run.batching import fair_batch, time_allowed
from adaptive_dask.run.pickling import PackedValue, dumps
from adaptive_dask.run.tracebacks import stack_of
from adaptive_dask.user_code import guarded

if TYPE_CHECKING:
    from distributed import Worker

# So many points are evaluated at once on a worker when the function is asynchronous, unless ntasks is given.
ASYNC_WIDTH = 32

# A coroutine that was cancelled has so long to end (seconds) before its event loop counts as blocked.
CANCELLING = 2.0

# Dask keeps the last thousand messages, for its developers: with so many bytes of results in them they are dropped.
MAX_LOGGED = 16 * 2**20


SMOOTHING = 0.2  # the weight of the newest duration in a running mean


class PointQueue:
    """The points of one run on one worker, its function, and the results that wait to be sent.

    Parameters
    ----------
    run : str
    worker : Worker
    on_idle : callable
        Called with this queue when its last evaluator has left.

    Attributes
    ----------
    waiting : WaitingPoints
        From which evaluators take their points.
    seconds_per_point : float or None
        A running mean.
    """

    def __init__(self, run: str, worker: Worker, on_idle: Callable[[PointQueue], None]) -> None:
        self.run = run
        self.worker = worker
        self.waiting = WaitingPoints(worker, self._give_back)
        self.seconds_per_point: float | None = None
        self._on_idle = on_idle
        self._lock = threading.Lock()  # guards all that follows
        self._seats: set[Seat] = set()
        self._under_way: dict[Work, None] = {}
        self._cancelling: dict[Work, float] = {}
        self._hung = 0
        self.bytes_sent = 0  # of results, since Dask's log of messages was emptied
        self._stopped = False
        self._aborted = False
        self._outbox = Outbox()
        self._flushing = False
        self._gathering = Gathering()
        self._watching = False
        self._echo: tuple[float, float] | None = None
        self._wakers: set[Callable[[], None]] = set()  # of evaluators that do not block on the items
        self._function = RunFunction(run, worker)
        self._is_broken = False  # the function cannot be had; evaluators that are here have nothing to do

    @property
    def is_over(self) -> bool:
        with self._lock:
            return not self._seats and not self._hung

    @property
    def is_wanted(self) -> bool:
        """Whether evaluators should go on: not on a worker that is paused, retiring or closing."""
        return not self._stopped and self.worker.status == Status.running

    @property
    def evaluation(self) -> Evaluation:
        """How the function is called."""
        return self._function.evaluation

    # ---- from the evaluators' threads

    def join(self) -> Seat:
        """An evaluator comes to work; the scheduler is told when it has the function."""
        seat = Seat(HeldThread(self.worker))
        with self._lock:
            self._seats.add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """An evaluator goes; the last one gives the points back that nobody has begun."""
        with self._lock:
            if seat.is_given_up:
                self._hung -= 1
            self._seats.discard(seat)
            if not self._seats:
                self._outbox.returned += self.waiting.drain()
            self._send_soon()
        if seat.is_given_up or seat.thread.is_replaced:
            seat.thread.end()
        self._on_idle(self)

    def load_function(self) -> Callable[[Any], Any] | None:
        """The run's function, fetched once; None when the run is over, or the function cannot be loaded."""
        try:
            function = guarded(self._function.get)
        except Exception as error:
            with self._lock:
                self._is_broken = True
                self._outbox.broken = (missing_module(error), describe_trouble(error))
                self._outbox.returned += self.waiting.drain()
                self._send_soon()
            return None
        if function is None:
            self.stop()
            return None
        with self._lock:
            self._is_broken = False
            self._send_soon()
        return function

    def get_batch(self, first: Item) -> list[Item]:
        """More points to go with the first in one call."""
        if first.alone:
            return [first]
        with self._lock:
            takers = sum(seat.is_taking for seat in self._seats)
        return self.waiting.gather(first, fair_batch(self.seconds_per_point, len(self.waiting) + 1, takers))

    def begin(self, seat: Seat, items: Sequence[Item]) -> Work:
        """A call begins."""
        work = Work(seat, items, output.begin())
        timeout = self.evaluation.point_timeout
        with self._lock:
            self._under_way[work] = None
            if timeout is not None and not self._watching:
                self._watching = True
                self.worker.loop.add_callback(self._watch, timeout)
        return work

    def set_cancel(self, work: Work, cancel: Callable[[], None]) -> None:
        """A call that has begun can be cancelled."""
        with self._lock:
            work.cancel = cancel
            if self._aborted:
                self._under_way.pop(work, None)
            is_wanted = work in self._under_way
        if not is_wanted:
            cancel()

    def finish(self, work: Work, values: Sequence[PackedValue]) -> None:
        """A call has returned a value for each point; ignored if it was given up."""
        seconds = (time.perf_counter() - work.begin) / len(values)
        with self._lock:
            if not self._has_ended(work):
                return
            outbox = self._outbox
            outbox.ids += work.ids
            outbox.values += values
            outbox.durations += [seconds] * len(values)
            before = self.seconds_per_point
            self.seconds_per_point = seconds if before is None else before + SMOOTHING * (seconds - before)
            if self._gathering.can_wait(len(self.waiting)):
                self._send_later()
            else:
                self._send_soon()

    def fail(self, work: Work, error: BaseException) -> None:
        """A call has raised; ignored if it was given up."""
        seconds = time.perf_counter() - work.begin
        failure = describe(error, work)
        with self._lock:
            if not self._has_ended(work):
                return
            self._outbox.failures.update(dict.fromkeys(work.ids, failure))
            self._outbox.seconds_of_failures += seconds
            self._send_soon()

    def split(self, work: Work) -> None:
        """A call for many points has raised: evaluate each by itself, so that only the culprit fails."""
        with self._lock:
            if self._has_ended(work):
                self._put_alone(work.items)

    def set_width(self, seat: Seat, *, is_taking: bool) -> int:
        """An evaluator is at as many points at once as an asynchronous function allows, or takes no more."""
        ntasks = self.evaluation.ntasks
        with self._lock:
            seat.is_taking = is_taking
            seat.width = ntasks or math.ceil(ASYNC_WIDTH / self.worker.state.nthreads)
            self._send_soon()
        return seat.width

    def call_when_due(self, waker: Callable[[], None]) -> None:
        """Have something called, on the worker's event loop, whenever there may be something to do."""
        with self._lock:
            self._wakers.add(waker)

    def call_no_more(self, waker: Callable[[], None]) -> None:
        with self._lock:
            self._wakers.discard(waker)

    # ---- from the worker's event loop

    @property
    def under_way(self) -> list[Work]:
        """The calls that are under way."""
        with self._lock:
            return list(self._under_way)

    def put(
        self, ids: Sequence[int], points: Sequence[PackedValue], sent: float, seconds: float, enough: int | None = None
    ) -> None:
        """Queue points, or give them back when there is nobody to evaluate them.

        Parameters
        ----------
        seconds : float
            That each of them is expected to take.
        enough : int, optional
            While more points wait than so many, results can wait for others.
        """
        with self._lock:
            self.waiting.seconds = seconds
            self._gathering.note_points(enough)
            self._echo = (sent, time.monotonic())
            if not self._seats or self._stopped or self._is_broken:
                self._outbox.returned += ids
                self._send_soon()
                return
            self.waiting.put([Item(pid, packed) for pid, packed in zip(ids, points, strict=True)])
            self._wake()

    def drop(self, ids: Sequence[int]) -> None:
        """Give up points; nobody wants to hear of them."""
        unwanted = set(ids)
        with self._lock:
            # Where others are evaluated in the same call, the outcomes of these are ignored.
            works = [work for work in self._under_way if unwanted.issuperset(work.ids)]
            self.waiting.drop(unwanted.difference(*(work.ids for work in works)))
        for work in works:
            self._give_up(work)

    def stop(self, *, now: bool = False) -> None:
        """Let every evaluator go after the points that it is at; with ``now``, without them where possible."""
        with self._lock:
            self._stopped = True
            self._aborted |= now
            self.waiting.drain()
            self.waiting.send_away(len(self._seats))
            works = [work for work in self._under_way if work.cancel is not None] if now else []
            for work in works:
                del self._under_way[work]
            self._wake()
        for work in works:
            if work.cancel is not None:
                work.cancel()

    def give_up_all(self) -> None:
        """Free the places of evaluators that are in a call all the same, now that the run is over."""
        if self.worker.status not in (Status.running, Status.paused, Status.closing_gracefully):
            return
        with self._lock:
            seats = list(self._seats)
        for seat in seats:
            self._give_up_seat(seat)

    def send_away(self, keep: int) -> None:
        """Let evaluators go until so many are left, when the points that are here are begun."""
        with self._lock:
            self.waiting.send_away(len(self._seats) - self.waiting.leaving - keep)
            self._wake()

    def _watch(self, timeout: float) -> None:
        """Give up what takes too long, and look again soon as long as anything is under way."""
        now = time.perf_counter()
        with self._lock:
            late = [work for work in self._under_way if now - work.begin > time_allowed(timeout, len(work.items))]
            blocked = [work for work, until in self._cancelling.items() if now > until]
        for work in late:
            if len(work.items) == 1:
                self._give_up(work, timeout=timeout)
            else:  # one of them is the culprit
                self._give_up(work, again=work.items)
        for work in blocked:
            self._give_up_seat(work.seat)
        with self._lock:
            self._watching = bool(self._under_way or self._cancelling)
            if self._watching:
                self.worker.loop.call_later(min(1.0, timeout / 5), self._watch, timeout)

    def _give_up(self, work: Work, *, timeout: float | None = None, again: Sequence[Item] = ()) -> None:
        """Forget a call that is under way, say so if it took too long, and free its place."""
        where = stack_of(work.seat.thread.thread) if work.cancel is None else "(asynchronous)"
        with self._lock:
            if self._under_way.pop(work, self) is self:
                return
            seconds = time.perf_counter() - work.begin
            if timeout is not None:
                error = PointTimeoutError.after(seconds, timeout, where)
                self._outbox.failures.update(dict.fromkeys(work.ids, (written_before(str(error), work), dumps(error))))
                self._outbox.seconds_of_failures += seconds
            self._put_alone(again)
            if work.cancel is not None:
                self._cancelling[work] = time.perf_counter() + CANCELLING
            self._send_soon()
            self._wake()
        if work.cancel is not None:
            work.cancel()
        else:
            self._give_up_seat(work.seat)

    def _give_up_seat(self, seat: Seat) -> None:
        """An evaluator hangs: let another one come for it."""
        with self._lock:
            if seat not in self._seats:
                return
            for work in [work for work in self._under_way if work.seat is seat]:
                del self._under_way[work]
                self._outbox.returned += work.ids
            for work in [work for work in self._cancelling if work.seat is seat]:
                del self._cancelling[work]
            seat.is_given_up = True
            self._seats.discard(seat)
            self._hung += 1
            if not self._seats:
                self._outbox.returned += self.waiting.drain()
            can_go = self._hung <= MOST_HUNG
            if can_go:
                self._outbox.given_up.append(seat.thread.task)
            self._send_soon()
        if can_go:
            seat.thread.give_back()
        self._on_idle(self)

    def _flush(self) -> None:
        with self._lock:
            self._flushing = False
            self._gathering.end()
            outbox, self._outbox = self._outbox, Outbox()
            contents = outbox.fields()
            contents["slots"] = 0 if self._is_broken else len(self._seats)
            contents["places"] = sum(seat.width for seat in self._seats if seat.is_taking) + sum(
                not work.seat.is_taking for work in self._under_way
            )
            contents["hung"] = self._hung
            echo, self._echo = self._echo, None
        if echo:
            contents["echo"] = Echo(echo[0], time.monotonic() - echo[1])
        lifetime = self.waiting.lifetime
        if lifetime is not None:
            contents["lifetime"] = lifetime.as_reported()
        if outbox.failures:
            contents["log"] = log_location(self.worker)
        self.worker.batched_send(report(self.run, **contents))
        self.bytes_sent += sum(len(value) for value in outbox.values if type(value) is bytes)
        if self.bytes_sent > MAX_LOGGED:
            self.forget_sent()

    def forget_sent(self) -> None:
        """Have Dask's log of messages hold no results, if there are some in it."""
        if self.bytes_sent:
            self.bytes_sent = 0
            forget_sent(self.worker)

    def _send_gathered(self) -> None:
        """Send results that waited for others for long enough."""
        with self._lock:
            left = self._gathering.ring(time.monotonic())
            if left:
                self.worker.loop.call_later(left, self._send_gathered)
            elif left is not None:
                self._send_soon()

    # ---- with the lock held

    def _has_ended(self, work: Work) -> bool:
        """Whether somebody still waits for the call that has ended."""
        self._cancelling.pop(work, None)
        return self._under_way.pop(work, self) is not self

    def _wake(self) -> None:
        for waker in self._wakers:
            waker()

    def _send_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            # One message takes all results that have gathered until the event loop gets to it.
            self.worker.loop.add_callback(self._flush)

    def _send_later(self) -> None:
        if self._gathering.begin(time.monotonic()):
            self.worker.loop.add_callback(self.worker.loop.call_later, LONGEST, self._send_gathered)

    def _put_alone(self, items: Sequence[Item]) -> None:
        self.waiting.put(item._replace(alone=True) for item in items)

    # ----

    def _give_back(self, pid: int) -> None:
        with self._lock:
            self._outbox.returned.append(pid)
            self._send_soon()
