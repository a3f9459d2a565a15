"""A function whose evaluations happen in children."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from adaptive_dask.isolated.launcher_process import Lease
from adaptive_dask.isolated.supervisor import Child, Evaluation, EvaluationCancelledError
from adaptive_dask.run.batching import time_allowed
from adaptive_dask.run.pickling import pack, unpack


class IsolatedFunction:
    """Evaluates a function in children, which are started when they are needed and used again.

    Parameters
    ----------
    pickled : bytes
        The function.
    timeout : float, optional
        How long an evaluation may take, in seconds.
    memory_limit : int, optional
        How many bytes an evaluation may allocate.
    """

    def __init__(self, pickled: bytes, *, timeout: float | None = None, memory_limit: int | None = None) -> None:
        self.timeout = timeout
        self._pickled = pickled
        self._memory_limit = memory_limit
        self._lock = threading.Lock()
        self._lease: Lease | None = None
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._is_closed = False
        self._of_thread = threading.local()

    # ---- from a thread that evaluates

    def __call__(self, x: Any) -> Any:
        """Evaluate the function.

        Raises
        ------
        EvaluationFailedError, EvaluationCancelledError
        """
        return unpack(self.call_packed(pack(x)))

    def call_packed(self, packed: Any) -> Any:
        """The same with packed points and values."""
        with self.reserved() as child:
            return Evaluation(child, self._of_thread.timeout).call(packed)

    @contextlib.contextmanager
    def reserved(self, points: int = 1) -> Iterator[Child]:
        """A child for this thread, which has loaded the function; calls inside use it, each for this number of points.

        Raises
        ------
        EvaluationFailedError
            If the function cannot be loaded.
        EvaluationCancelledError
            If all is closed.
        """
        outer: Child | None = getattr(self._of_thread, "child", None)
        if outer is not None and outer.is_usable:
            yield outer
            return
        child = self.take()
        self._of_thread.child = child
        if outer is None:
            self._of_thread.timeout = None if self.timeout is None else time_allowed(self.timeout, points)
        try:
            yield child
        finally:
            self._of_thread.child = outer
            self.give_back(child)

    def take(self) -> Child:
        """A child that has loaded the function, for `give_back`."""
        with self._lock:
            if self._is_closed:
                raise EvaluationCancelledError
            while self._idle:
                child = self._idle.pop()
                if not child.has_ended:
                    self._busy.add(child)
                    return child
                child.close()
            if self._lease is None:
                self._lease = Lease()
            lease = self._lease
        child = Child(lease.launcher, self._memory_limit)
        try:
            with self._lock:
                if self._is_closed:
                    raise EvaluationCancelledError
                self._busy.add(child)
            Evaluation(child).load(self._pickled)
        except BaseException:
            child.is_usable = False
            self.give_back(child)
            raise
        return child

    def give_back(self, child: Child) -> None:
        """A child is not used any more."""
        with self._lock:
            self._busy.discard(child)
            if child.is_usable and not self._is_closed:
                self._idle.append(child)
                return
        child.close()

    # ---- from any thread

    def close(self) -> None:
        """End all children; returns at once."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            lease, self._lease = self._lease, None
        for child in idle:
            child.close()
        for child in busy:
            child.cancel()
        if lease is not None:
            lease.end()
