"""IsolatedPool: the threads of an executor, each with a process that evaluates points."""

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
    """An executor whose threads evaluate points in processes, which can be ended.

    Parameters
    ----------
    executor : ThreadPoolExecutor or SequentialExecutor
    function : callable
    vectorized : bool
    timeout : float or None
        Time limit of an evaluation, in seconds.
    memory_limit : int or None
        Maximum memory of an evaluation, in bytes.

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
        self.notes_start = False  # the supervisor of the process enforces the time limit
        self._tickets: dict[Any, _Ticket] = {}

    @property
    def takes_many(self) -> bool:
        """False, because each point can be cancelled separately."""
        return False

    def submit(self, points: Sequence[Any], start: Start | None = None) -> Any:
        """Start to evaluate points; return the future of the result of `worker.evaluate`."""
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
        """End an evaluation of this run."""
        if not future.cancel():
            self.interrupt(future)

    def close(self) -> None:
        """End all processes."""
        self._isolated.close()


class _Ticket:
    """A submission, which can be cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._is_cancelled = False

    @contextlib.contextmanager
    def used_by(self, child: Child) -> Iterator[None]:
        """End this child if the ticket is cancelled."""
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
    """Return a function that is evaluated in separate processes.

    Raises
    ------
    TypeError
        If the function cannot be pickled.
    """
    try:
        pickled = dumps_by_value(function)
    except Exception as error:
        raise TypeError(
            f"learner.function cannot be pickled, so it cannot be sent to another process: {error}. Create such "
            "objects (locks, open files, connections) inside the function, or leave out isolate=."
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
