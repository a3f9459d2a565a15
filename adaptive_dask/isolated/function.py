"""A function that is evaluated in children."""

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
    """Evaluates a function in children, which are started when needed and reused.

    Parameters
    ----------
    pickled : bytes
        The pickled function.
    timeout : float, optional
        Time limit of an evaluation, in seconds.
    memory_limit : int, optional
        Maximum memory of an evaluation, in bytes.
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

    # ---- from evaluating threads

    def __call__(self, x: Any) -> Any:
        """Evaluate the function.

        Raises
        ------
        EvaluationFailedError, EvaluationCancelledError
        """
        return unpack(self.call_packed(pack(x)))

    def call_packed(self, packed: Any) -> Any:
        """Evaluate the function at packed points; return packed values."""
        with self.reserved() as child:
            return Evaluation(child, self._of_thread.timeout).call(packed)

    @contextlib.contextmanager
    def reserved(self, points: int = 1) -> Iterator[Child]:
        """Lend this thread a child that has loaded the function, for calls with this number of points each.

        Raises
        ------
        EvaluationFailedError
            If the function cannot be loaded.
        EvaluationCancelledError
            If the function was closed.
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
        """Return a child that has loaded the function, for `give_back`."""
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
        """Return a child that is not used any more."""
        with self._lock:
            self._busy.discard(child)
            if child.is_usable and not self._is_closed:
                self._idle.append(child)
                return
        child.close()

    # ---- from any thread

    def close(self) -> None:
        """End all children, without waiting."""
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
