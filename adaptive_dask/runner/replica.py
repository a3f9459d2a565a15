"""Replica: the learner that the user passed in, kept current with the results of the run."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from adaptive_dask.learner.any_learner import tell_all
from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.reading import UPDATING, note_updated
from adaptive_dask.learner.subclasses import added_attributes, base_of
from adaptive_dask.logs import get_logger
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.pickling import unpack
from adaptive_dask.storage.learner_copy import copy_learner, empty_copy
from adaptive_dask.user_code import as_exception, guarded, require_plain_function, reraise_interrupt

logger = get_logger(__name__)

# Called with the learner, points and values, after the learner was told these.
Callback = Callable[[Any, Sequence[Any], Sequence[Any]], Any]

# Adds results that have arrived to a learner.
Change = Callable[[Any], None]


def check_callback(callback: Any) -> Callback:
    """Check a callback for results.

    Raises
    ------
    TypeError
        If it is not a function, or if it is asynchronous.
    """
    if not callable(callback):
        raise TypeError(f"on_results must be a function of (learner, xs, ys), got {callback!r}.")
    reason = (
        "It is called between two changes of the learner, which do not wait for it. Start a task in it, or put the "
        "results in a queue."
    )
    require_plain_function("on_results", callback, reason)
    function: Callback = callback
    return function


_updates = ThreadPoolExecutor(1, thread_name_prefix="adaptive-updates")


class Replica:
    """Applies results to a learner, outside of Dask's event loop.

    If the user's thread runs an event loop, as in a notebook, they are applied on that loop, so that no cell sees the
    learner while it changes. Otherwise, one thread of the process applies the results of all runs. `apply` applies
    them at once, in the caller's thread.

    Parameters
    ----------
    learner : BaseLearner
    loop : asyncio.AbstractEventLoop, optional
        The user's event loop.
    is_told : bool, default: False
        True if the learner knows all results already, because the run works on the learner itself.

    Attributes
    ----------
    lock : threading.RLock
        Held while results of any run are applied. Acquire it to read the learner several times in one state.
    arrived : threading.Event
        Set when results wait to be applied.
    received : int
        Increases with each batch of results that arrives.
    is_derived : bool
        True if the learner's class is the user's and derived from a class of this package.
    is_foreign : bool
        True for a custom learner, which may reject results that it did not ask for, as python-adaptive's
        IntegratorLearner does. Then `make_up` adds them at the end.
    """

    def __init__(self, learner: Any, loop: asyncio.AbstractEventLoop | None, is_told: bool = False) -> None:
        self.learner = learner
        self.received = 0
        self.callbacks: list[Callback] = []
        self.lock = UPDATING
        self.arrived = threading.Event()
        note_updated(learner)
        self._loop = loop
        self._is_told = is_told
        self.is_foreign = not isinstance(learner, BaseLearner)
        self.is_derived = base_of(type(learner)) is not None
        self._has_refused = False
        # Changes, which are called with the learner, and other calls.
        self._waiting: deque[tuple[Change | None, Callable[[], None] | None]] = deque()
        self._taken = 0  # number of entries that were taken
        self._gathered: tuple[list[Any], list[Any]] | None = None  # the last entry, if it contains results
        self._guard = threading.Lock()  # guards the three attributes above
        self._copy: Any = None  # for `ahead`
        self._copy_taken = 0

    def tell(self, points: Sequence[Any], values: Sequence[Any]) -> None:
        """Queue results; consecutive ones are told together."""
        with self._guard:
            if self._gathered is None:
                gathered: tuple[list[Any], list[Any]] = ([], [])
                self._gathered = gathered
                self._waiting.append((lambda learner: self._tell(learner, *gathered), None))
            self._gathered[0].extend(points)
            self._gathered[1].extend(values)
            self.received += 1

    def tell_packed(self, data: bytes) -> None:
        """Queue results, packed as (points, values)."""
        self._queue(lambda learner: self._tell(learner, *unpack(data)))

    def copy_from(self, load: Callable[[], Any]) -> None:
        """Queue a copy from the learner that `load` returns, without failures that it has forgotten."""
        self._queue(lambda learner: _bring_up_to_date(learner, load()))

    def note_change(self) -> None:
        """Count a change of a learner that the run works on itself."""
        with self._guard:
            self.received += 1

    def make_up(self, load: Callable[[], Any]) -> None:
        """Queue data of the learner that `load` returns that the replica lacks, at the end of the run.

        These are all results if the replica has rejected some, and the attributes that a derived class has added.
        """

        def change(learner: Any) -> None:
            if self._has_refused:
                copy_learner(learner, load())
            elif self.is_derived:
                learner.__dict__.update(added_attributes(load()))

        self._queue(change)

    def then(self, call: Callable[[], None]) -> None:
        """Queue a call after all results that have arrived, and start to apply the queue."""
        self._queue(call=call)
        self.apply_soon()

    def apply_soon(self) -> None:
        """Start to apply the queue, on the user's loop or in the thread for updates."""
        self.arrived.set()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.apply)
        else:
            _updates.submit(self._apply_and_log)

    def apply(self) -> None:
        """Apply all results that have arrived before this call.

        Later results may arrive faster than a busy process tells them to the learner.

        Raises
        ------
        Exception
            The first error of the learner, after the rest of the queue, such as the end of the run, was processed.
        """
        first: Exception | None = None
        with self.lock:
            self.arrived.clear()
            self._copy = None
            with self._guard:
                self._gathered = None
                end = self._taken + len(self._waiting)
            # A call may have applied the rest.
            while self._taken < end and (waiting := self._take()) is not None:
                change, call = waiting
                try:
                    if change is not None:
                        change(self.learner)
                    if call is not None:
                        call()
                except BaseException as error:
                    reraise_interrupt(error)
                    first = first or as_exception(error)
        if first is not None:
            raise first

    def ahead(self) -> Any:
        """Return a learner with all results that have arrived, for a thread that must not change the user's learner.

        It is a copy if results wait to be applied. Further calls add results to the same copy, until `apply` is
        called. Do not use it afterwards.
        """
        with self.lock:
            with self._guard:
                self._gathered = None
                waiting, taken = list(self._waiting), self._taken
            if self._is_told or not any(change for change, _ in waiting):
                return self.learner
            if self._copy is None:
                self._copy = empty_copy(self.learner)
                copy_learner(self._copy, self.learner)
                self._copy_taken = taken
            for change, _ in waiting[self._copy_taken - taken :]:
                if change is not None:
                    change(self._copy)
            self._copy_taken = taken + len(waiting)
            return self._copy

    def _queue(self, change: Change | None = None, call: Callable[[], None] | None = None) -> None:
        with self._guard:
            self._gathered = None
            self._waiting.append((change, call))
            self.received += change is not None

    def _take(self) -> tuple[Change | None, Callable[[], None] | None] | None:
        with self._guard:
            if not self._waiting:
                return None
            waiting = self._waiting.popleft()
            self._taken += 1
            if not self._waiting:
                self._gathered = None
            return waiting

    def _tell(self, learner: Any, points: Sequence[Any], values: Sequence[Any]) -> None:
        if self._is_told or self._has_refused:
            pass
        elif self.is_foreign:
            self._tell_foreign(learner, points, values)
        else:
            learner.tell_many(points, values)
        if learner is self.learner:
            self._call_back(points, values)

    def _tell_foreign(self, learner: Any, points: Sequence[Any], values: Sequence[Any]) -> None:
        try:
            tell_all(learner, points, values)
        except BaseException as error:
            reraise_interrupt(error)
            logger.info(
                "The learner accepts no results that it did not ask for; it is updated at the end. (%s)",
                safe_repr(error),
            )
            self._has_refused = True

    def _call_back(self, points: Sequence[Any], values: Sequence[Any]) -> None:
        for callback in list(self.callbacks):
            try:
                guarded(callback, self.learner, points, values)
            except Exception:
                logger.exception("A callback for results raised an error")

    def _apply_and_log(self) -> None:
        try:
            self.apply()
        except Exception:
            logger.exception("A learner could not be kept current")


def _bring_up_to_date(learner: Any, other: Any) -> None:
    if isinstance(learner, BaseLearner) and learner.infeasible.keys() - other.infeasible.keys():
        learner.forget_failures()  # those that remain are copied
    copy_learner(learner, other)
