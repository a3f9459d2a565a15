"""The points that are at an executor, and what comes of them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from adaptive_dask.failures import Failure
from adaptive_dask.local.pools import Pool
from adaptive_dask.local.worker import FunctionMissing, Raised, Result, exception_of, unpacked

Point = Any


@dataclass
class Arrivals:
    """What arrived since the last look.

    Attributes
    ----------
    outcomes : list of (int, value or Failure)
    lost : list of int
        Points that were not evaluated.
    blamed : set of int
        Those of them that may have been the reason.
    seconds : list of float
        How long each evaluation took.
    broken : Exception or None
        Why the executor can take no more, if that is so.
    """

    outcomes: list[tuple[int, Any]] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    blamed: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    broken: BaseException | None = None


class Flight:
    """The points that are at an executor; used by the run's thread, which others may wake.

    Parameters
    ----------
    pool : Pool
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._batches: dict[int, tuple[Any, list[int]]] = {}  # future and ids, oldest first
        self._next = 0
        self._inbox: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()
        self.count = 0

    def wake(self) -> None:
        """Have `collect` return, now or when it is called next; from any thread."""
        self._inbox.put(None)

    def send(self, batch: Sequence[tuple[int, Point]]) -> None:
        """Submit points together.

        Raises
        ------
        Exception
            What the executor raises; then nothing was sent.
        """
        number = self._next
        self._next += 1
        self.count += len(batch)  # before, for it may be evaluated at once
        try:
            future = self.pool.submit([x for _, x in batch])
        except BaseException:
            self.count -= len(batch)
            raise
        self._batches[number] = future, [pid for pid, _ in batch]
        future.add_done_callback(partial(self._arrive, number))

    def collect(self, timeout: float | None) -> Arrivals:
        """Wait until something arrives, or until somebody wakes this thread, and take all that is there."""
        arrivals = Arrivals()
        broken: list[int] = []
        try:
            item = self._inbox.get(timeout=timeout)
            while True:
                if item is not None and item[0] in self._batches:
                    self._take_in(*item, arrivals, broken)
                item = self._inbox.get_nowait()
        except queue.Empty:
            pass
        if broken:
            self._give_up(broken, arrivals)
        return arrivals

    def recall(self) -> list[int]:
        """Take back the points that nobody has begun, as far as the executor can tell.

        Returns
        -------
        list of int
            They have no outcome and will get none.
        """
        ids: list[int] = []
        for number, (future, batch) in list(self._batches.items()):
            if self.pool.take_back(future):
                ids += batch
                self._drop(number)
        return ids

    def abandon(self) -> None:
        """Have no more to do with the points that are there."""
        for number, (future, _) in list(self._batches.items()):
            self._drop(number)
            self.pool.abandon(future)

    # ---- inside

    def _arrive(self, number: int, future: Any) -> None:
        self._inbox.put((number, future))

    def _drop(self, number: int) -> list[int]:
        _, ids = self._batches.pop(number)
        self.count -= len(ids)
        return ids

    def _take_in(self, number: int, future: Any, arrivals: Arrivals, broken: list[int]) -> None:
        try:
            results = future.result()
        except (concurrent.futures.CancelledError, asyncio.CancelledError):
            arrivals.lost += self._drop(number)  # somebody cancelled it
            return
        except concurrent.futures.BrokenExecutor as error:
            arrivals.broken = error
            broken.append(number)  # it stays until it is known who is to blame
            return
        except BaseException as error:
            ids = self._drop(number)
            if _is_engine_error(error):
                arrivals.lost += ids
                arrivals.blamed.update(ids)
                return
            text = "".join(traceback.format_exception(error))
            arrivals.outcomes += [(pid, Failure(text, error)) for pid in ids]
            return
        ids = self._drop(number)
        if isinstance(results, FunctionMissing):
            self.pool.send_function_again()
            arrivals.lost += ids
            return
        arrivals.lost += ids[len(results) :]  # not begun, as the others took long
        for pid, result in zip(ids, results, strict=False):
            arrivals.outcomes.append((pid, _outcome(result)))
            arrivals.seconds.append(result.seconds)

    def _give_up(self, broken: list[int], arrivals: Arrivals) -> None:
        """The executor is broken: all that is there is lost, and what was begun first is to blame."""
        workers = self.pool.workers or len(self._batches)
        for place, number in enumerate(list(self._batches)):
            ids = self._drop(number)
            arrivals.lost += ids
            if place < workers:
                arrivals.blamed.update(ids)


def _outcome(result: Result) -> Any:
    if isinstance(result, Raised):
        return Failure(result.text, exception_of(result))
    try:
        return unpacked(result)
    except Exception as error:
        return Failure(f"The value that the function returned could not be unpickled here: {error!r}", error)


def _is_engine_error(error: BaseException) -> bool:
    """Whether an engine of ipyparallel died while it had the point."""
    ipyparallel = sys.modules.get("ipyparallel")
    return ipyparallel is not None and isinstance(error, ipyparallel.EngineError)
