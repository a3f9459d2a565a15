"""Flight: the points in flight at an executor, and their outcomes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import sys
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from adaptive_dask.local.pools import Pool
from adaptive_dask.local.time_limit import Batch, TimeLimit
from adaptive_dask.local.worker import CulpritUnknown, FunctionMissing, Raised, Result, Start, exception_of, unpacked
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.driver import Arrivals
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.tracebacks import format_error

Point = Any


@dataclass(slots=True)
class LocalArrivals(Arrivals):
    """The outcomes that arrived from an executor since the last `collect`.

    Attributes
    ----------
    suspected : set of int
        Lost points that were submitted together, one of which may have caused the loss.
    was_alone : bool
        True if nothing else was in flight, so that the blamed point caused the loss.
    unbatched : set of int
        Returned points that have to be submitted one by one.
    broken : Exception or None
        The reason why the executor accepts no more points.
    """

    suspected: set[int] = field(default_factory=set)
    was_alone: bool = False
    unbatched: set[int] = field(default_factory=set)
    broken: BaseException | None = None

    def return_apart(self, ids: Sequence[int]) -> None:
        """Return points that have to be submitted one by one."""
        self.unbatched.update(ids)
        self.returned += ids


# Evaluations that continue for this time after the end of their run (seconds) count as hanging.
GRACE = 0.25

# A run without results for this time (seconds) names the runs that keep the workers busy.
LONG_WAIT_S = 1.0

# The runs of each executor: evaluations of a run can block other runs, even after its end.
_flights: weakref.WeakKeyDictionary[Any, weakref.WeakSet[Flight]] = weakref.WeakKeyDictionary()


def _sharing(executor: Any) -> weakref.WeakSet[Flight]:
    try:
        return _flights.setdefault(executor, weakref.WeakSet())
    except TypeError:  # a custom executor that supports no weak references
        return weakref.WeakSet()


class Flight:
    """The points in flight at an executor; used by the thread of the run, which other threads may wake.

    Parameters
    ----------
    pool : Pool
    point_timeout : float, optional
        Time limit of an evaluation, in seconds.
    run : str, optional
        Name of the run, for other runs that wait for the executor.

    Attributes
    ----------
    count : int
        Number of points in flight.
    seconds_per_point : float or None
        A running mean.
    evaluated : int
        Number of evaluations that ended.
    seconds : float
        Their total duration.
    """

    def __init__(self, pool: Pool, point_timeout: float | None = None, run: str = "") -> None:
        self.pool = pool
        self.run = run
        self.count = 0
        self.seconds_per_point: float | None = None
        self.evaluated = 0
        self.seconds = 0.0
        self._last_outcome = time.monotonic()
        self._limit = None if point_timeout is None else TimeLimit(point_timeout, pool)
        self._batches: dict[Batch, None] = {}  # oldest first
        self._hung: dict[Batch, None] = {}  # given up, but still being evaluated
        self._abandoned: dict[Batch, float] = {}  # monotonic time at which the run ended
        self._inbox: queue.SimpleQueue[Batch | frozenset[int] | None] = queue.SimpleQueue()
        _sharing(pool.executor).add(self)

    @property
    def batches(self) -> int:
        """Number of submissions in flight."""
        return len(self._batches)

    @property
    def hung(self) -> int:
        """Number of submissions that were given up but still keep a worker busy."""
        if not (self._hung or self._abandoned):
            return 0
        late = time.monotonic() - GRACE
        hung = [*self._hung, *(batch for batch, since in list(self._abandoned.items()) if since < late)]
        return sum(not batch.future.done() for batch in hung)

    @property
    def ids(self) -> list[int]:
        """Ids of the points in flight."""
        return [pid for batch in list(self._batches) for pid in batch.ids]

    @property
    def busy(self) -> int:
        """Number of workers that are known to be busy."""
        return self.hung + sum(self.pool.has_begun(batch.future) for batch in list(self._batches))

    def waits_for(self) -> str | None:
        """Return the runs whose evaluations block this run; None if it is not blocked."""
        if not (self._batches and self.pool.takes_many) or self.busy > self.hung:
            return None
        if time.monotonic() < self._last_outcome + LONG_WAIT_S:
            return None
        sharing = [flight for flight in _sharing(self.pool.executor) if flight.busy]
        if not sharing:
            return None
        runs = " and ".join(
            f"{flight.busy} of run {flight.run!r}" + (f", {flight.hung} of them given up" if flight.hung else "")
            for flight in sorted(sharing, key=lambda flight: flight.run)
        )
        return f"a worker of {type(self.pool.executor).__name__}, which is busy with evaluations: {runs}"

    def wake(self) -> None:
        """Make the present or next call of `collect` return; may be called from any thread."""
        self._inbox.put(None)

    def give_up(self, ids: Iterable[int]) -> None:
        """Give up points whose outcomes are not needed; may be called from any thread."""
        self._inbox.put(frozenset(ids))

    def send(self, batch: Sequence[tuple[int, Point]]) -> None:
        """Submit points together.

        Raises
        ------
        Exception
            The error of the executor, which has not accepted any point.
        """
        sent = Batch([pid for pid, _ in batch], Start() if self._limit is not None or self.pool.notes_start else None)
        self.count += len(batch)  # first, because the executor may evaluate it at once
        try:
            sent.future = self.pool.submit([x for _, x in batch], sent.start)
        except BaseException:
            self.count -= len(batch)
            raise
        self._batches[sent] = None
        sent.future.add_done_callback(partial(self._arrive, sent))

    def collect(self, patience: float | None) -> LocalArrivals:
        """Wait for outcomes up to `patience` seconds or until `wake` is called, and return them."""
        arrivals = LocalArrivals()
        broken: list[Batch] = []
        if self._limit is not None and self._batches:
            left = max(0.0, self._limit.next_look - time.perf_counter())
            patience = left if patience is None else min(patience, left)
        try:
            item = self._inbox.get(timeout=patience)
            while True:
                if isinstance(item, Batch):
                    if item in self._batches:
                        self._take_in(item, arrivals, broken)
                    else:
                        self._hung.pop(item, None)
                elif item is not None:
                    self._give_up_points(item)
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        if broken:
            self._give_up_all(arrivals)
        if self._limit is not None:
            for late in self._limit.find_late([*self._hung, *self._batches]):
                if late in self._batches:
                    self._give_up_late(late, arrivals)
        if arrivals.outcomes or arrivals.lost:
            self._last_outcome = time.monotonic()
            self.evaluated += len(arrivals.outcomes)
        return arrivals

    def recall(self) -> list[int]:
        """Take back the points whose evaluation has not begun, as reported by the executor.

        Returns
        -------
        list of int
            The points that were taken back, which get no outcome.
        """
        ids: list[int] = []
        for batch in list(self._batches):
            if self.pool.take_back(batch.future):
                ids += self._drop(batch)
        return ids

    def abandon(self) -> None:
        """Give up all points; workers may continue to evaluate some of them."""
        for batch in list(self._batches):
            self._drop(batch)
            self.pool.abandon(batch.future)
            if batch.start is not None:
                batch.start.end()
            if not batch.future.done():
                self._abandoned[batch] = time.monotonic()

    # ---- inside

    def _arrive(self, batch: Batch, future: Any) -> None:
        self._inbox.put(batch)

    def _drop(self, batch: Batch) -> list[int]:
        del self._batches[batch]
        self.count -= len(batch.ids)
        return batch.ids

    def _take_in(self, batch: Batch, arrivals: LocalArrivals, broken: list[Batch]) -> None:
        try:
            results = batch.future.result()
        except (concurrent.futures.CancelledError, asyncio.CancelledError):
            arrivals.lost += self._drop(batch)  # cancelled by other code
            return
        except concurrent.futures.BrokenExecutor as error:
            arrivals.broken = error
            broken.append(batch)  # kept until the reason is known
            return
        except BaseException as error:
            self._drop(batch)
            if _is_engine_error(error):
                arrivals.was_alone = not self._batches and not arrivals.lost
                _lose(batch, arrivals, is_begun=True)
            elif len(batch.ids) > 1:  # one of them may not be picklable
                arrivals.return_apart(batch.ids)
            else:
                arrivals.outcomes.append((batch.ids[0], Failure(format_error(error), error)))
            return
        ids = self._drop(batch)
        if isinstance(results, FunctionMissing):
            self.pool.send_function_again()
            arrivals.returned += ids
            return
        if isinstance(results, CulpritUnknown):
            arrivals.return_apart(ids)
            return
        arrivals.returned += ids[len(results) :]  # not begun, because the first ones took long
        seconds = 0.0
        for pid, result in zip(ids, results, strict=False):
            arrivals.outcomes.append((pid, _outcome(result)))
            seconds += result.seconds
        self.seconds += seconds
        mean = seconds / len(results)
        before = self.seconds_per_point
        self.seconds_per_point = mean if before is None else before + SMOOTHING * (mean - before)

    def _give_up_all(self, arrivals: LocalArrivals) -> None:
        """Record that the executor is broken: all points are lost, and those that were begun first are blamed."""
        workers = self.pool.workers or len(self._batches)
        arrivals.was_alone = len(self._batches) == 1 and not self._hung
        for place, batch in enumerate([*self._hung, *self._batches]):
            if batch in self._batches:
                self._drop(batch)
                _lose(batch, arrivals, is_begun=place < workers)
        self._hung.clear()

    def _give_up_late(self, batch: Batch, arrivals: LocalArrivals) -> None:
        if self.pool.take_back(batch.future):  # it had not begun
            arrivals.returned += self._drop(batch)
            return
        assert self._limit is not None
        failure = self._limit.failure(batch)
        self._stop(batch)
        if len(batch.ids) > 1:  # one of them caused the loss
            arrivals.return_apart(batch.ids)
        else:
            arrivals.outcomes.append((batch.ids[0], failure))

    def _give_up_points(self, unwanted: frozenset[int]) -> None:
        # A call continues if it evaluates other points as well.
        for batch in [batch for batch in self._batches if unwanted.issuperset(batch.ids)]:
            self._stop(batch)

    def _stop(self, batch: Batch) -> None:
        """Give up a batch; a worker may continue to evaluate it."""
        self._drop(batch)
        if not (self.pool.take_back(batch.future) or self.pool.interrupt(batch.future) or batch.future.done()):
            if batch.start is not None:
                batch.start.end()
            self._hung[batch] = None


# The weight of the newest duration in a running mean.
SMOOTHING = 0.2


def _lose(batch: Batch, arrivals: LocalArrivals, is_begun: bool) -> None:
    arrivals.lost += batch.ids
    if is_begun:
        (arrivals.blamed if len(batch.ids) == 1 else arrivals.suspected).update(batch.ids)


def _outcome(result: Result) -> Any:
    if isinstance(result, Raised):
        return Failure(result.text, exception_of(result), result.worker)
    try:
        return unpacked(result)
    except Exception as error:
        return Failure(f"The value that the function returned could not be unpickled here: {safe_repr(error)}", error)


def _is_engine_error(error: BaseException) -> bool:
    """Return True if an engine of ipyparallel died while it had the point."""
    ipyparallel = sys.modules.get("ipyparallel")
    if ipyparallel is None:
        return False
    # reported by the controller; errors of the function are results
    is_reported = isinstance(error, ipyparallel.RemoteError) and error.ename == "EngineError"
    return is_reported or isinstance(error, ipyparallel.EngineError)
