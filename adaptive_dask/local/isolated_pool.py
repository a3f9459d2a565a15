"""Threads of an executor, each with a process in which it evaluates."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from adaptive_dask.isolated.function import IsolatedFunction
from adaptive_dask.isolated.supervisor import Child, EvaluationCancelledError, EvaluationFailedError
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.local.pools import ExecutorPool, as_executor
from adaptive_dask.local.sequential import SequentialExecutor
from adaptive_dask.local.travelling import Function, TravellingFunction
from adaptive_dask.local.worker import Start, evaluate, raised


class IsolatedPool(ExecutorPool):
    """An executor whose threads evaluate in processes, which can be ended.

    Parameters
    ----------
    executor : ThreadPoolExecutor or SequentialExecutor
    function : callable
    vectorized : bool
    timeout : float or None
        How long an evaluation may take, in seconds.
    memory_limit : int or None
        How many bytes an evaluation may allocate.

    Raises
    ------
    TypeError
        If the executor has no threads of this process, or if the function cannot be pickled.
    """

    def __init__(
        self, executor: Any, function: Function, vectorized: bool, timeout: float | None, memory_limit: int | None
    ) -> None:
        if not isinstance(as_executor(executor), SequentialExecutor | concurrent.futures.ThreadPoolExecutor):
            raise TypeError(
                "executor must be a ThreadPoolExecutor, a SequentialExecutor or a Dask client with isolate='process', "
                f"got {type(executor).__name__}. Use ThreadPoolExecutor(n): each of its threads has a process of its "
                "own."
            )
        self._isolated = isolate(function, timeout=timeout, memory_limit=memory_limit)
        super().__init__(executor, self._isolated, vectorized)
        self.notes_start = False  # a process watches the time that an evaluation takes
        self._tickets: dict[Any, _Ticket] = {}

    @property
    def takes_many(self) -> bool:
        """Each point can be cancelled by itself."""
        return False

    def submit(self, points: Sequence[Any], start: Start | None = None) -> Any:
        """Have points evaluated; returns the future of what `worker.evaluate` returns."""
        ticket = _Ticket()
        future = self.executor.submit(_evaluate, self._isolated, self._function, points, ticket)
        self._tickets[future] = ticket
        future.add_done_callback(lambda future: self._tickets.pop(future, None))
        return future

    def interrupt(self, future: Any) -> bool:
        """End the process of an evaluation."""
        ticket = self._tickets.get(future)
        if ticket is not None:
            ticket.cancel()
        return True

    def abandon(self, future: Any) -> None:
        """End an evaluation, if it is of this run."""
        if not future.cancel():
            self.interrupt(future)

    def close(self) -> None:
        """End all processes."""
        self._isolated.close()


class _Ticket:
    """The points of one submission, which can be cancelled as a whole."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._is_cancelled = False

    @contextlib.contextmanager
    def used_by(self, child: Child) -> Iterator[None]:
        """Cancelling ends this child."""
        with self._lock:
            if self._is_cancelled:
                raise EvaluationCancelledError
            self._child = child
        try:
            yield
        finally:
            with self._lock:
                self._child = None

    def cancel(self) -> None:
        with self._lock:
            self._is_cancelled = True
            if self._child is not None:
                self._child.cancel()


def isolate(function: Function, *, timeout: float | None = None, memory_limit: int | None = None) -> IsolatedFunction:
    """Let a function be evaluated in processes.

    Raises
    ------
    TypeError
        If it cannot be pickled.
    """
    try:
        pickled = dumps_by_value(function)
    except Exception as error:
        raise TypeError(
            f"learner.function cannot be pickled, so it cannot be sent to another process: {error}. Create what cannot "
            "be sent (locks, open files, connections) inside the function, or leave out isolate=."
        ) from error
    return IsolatedFunction(pickled, timeout=timeout, memory_limit=memory_limit)


def _evaluate(isolated: IsolatedFunction, function: TravellingFunction, points: Sequence[Any], ticket: _Ticket) -> Any:
    try:
        with isolated.reserved(len(points)) as child, ticket.used_by(child):
            return evaluate(function, points)
    except EvaluationCancelledError:
        raise concurrent.futures.CancelledError from None
    except EvaluationFailedError as failure:  # the function cannot be loaded
        return [raised(failure, 0.0) for _ in points]
