"""Pools: the common interface of all executors that a run can use."""

from __future__ import annotations

import concurrent.futures
import contextlib
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from distributed.cfexecutor import ClientExecutor

from adaptive_dask.local.sequential import SequentialExecutor
from adaptive_dask.local.travelling import Function, TravellingFunction
from adaptive_dask.local.worker import Start, evaluate

ACCEPTED = (
    "a dask.distributed.Client, an executor of concurrent.futures (ThreadPoolExecutor, ProcessPoolExecutor), "
    "adaptive_dask.runner.SequentialExecutor, loky.get_reusable_executor(), an ipyparallel.Client, "
    "an mpi4py.futures.MPIPoolExecutor, or any other object whose submit(function, *args) returns a future"
)


class Pool(ABC):
    """Evaluates the points of one run.

    Attributes
    ----------
    executor : object
        The executor that the user passed, or its replacement.
    workers : int or None
        Number of concurrent evaluations; None if it is unknown.
    notes_start : bool
        True if evaluations record their start themselves.
    """

    executor: Any
    workers: int | None
    notes_start = False

    @property
    def takes_many(self) -> bool:
        """True if points can be submitted together, to be evaluated one after the other."""
        return False

    @property
    def is_sequential(self) -> bool:
        """True if points are evaluated in the thread that submits them."""
        return False

    @abstractmethod
    def submit(self, points: Sequence[Any], start: Start | None = None) -> Any:
        """Start to evaluate points; returns the future of the result of `worker.evaluate`."""

    def take_back(self, future: Any) -> bool:
        """Take back a submission, unless it has begun; returns True if it was taken back."""
        return False

    def has_begun(self, future: Any) -> bool:
        """Return True if a submission whose turn it is has begun, for evaluations that do not note their start."""
        return False

    def interrupt(self, future: Any) -> bool:
        """End an evaluation that has begun, if possible; return True if it was ended."""
        return False

    @abstractmethod
    def abandon(self, future: Any) -> None:
        """Give up a submission."""

    def revive(self) -> bool:
        """Replace a broken executor, if possible; returns True if it was replaced."""
        return False

    def send_function_again(self) -> None:  # noqa: B027  not every pool sends it
        """Send the function with one more submission, because a worker does not have it."""

    def close(self) -> None:  # noqa: B027  not every pool has any
        """Free the resources of the pool itself."""

    def shutdown(self, wait: bool) -> None:
        """Shut the executor down, if there is one."""
        if self.executor is not None:
            self.executor.shutdown(wait=wait)


class ExecutorPool(Pool):
    """An executor with a function to evaluate.

    Parameters
    ----------
    executor : Executor
        Or an ipyparallel client, whose executor is used.
    function : callable
    vectorized : bool, default: False
        Whether the function accepts many points in one call.

    Raises
    ------
    TypeError
        If it is not an executor, or if the function must be pickled and cannot be.
    ValueError
        If the executor has no workers.
    RuntimeError
        If the executor was shut down, or is broken.
    """

    def __init__(self, executor: Any, function: Function, vectorized: bool = False) -> None:
        self.executor = as_executor(executor)
        self.workers = count_workers(self.executor)
        if self.workers == 0:
            raise ValueError(f"{executor!r} has no workers, so nothing could be evaluated. Start some first.")
        self._function = TravellingFunction(function, uuid.uuid4().hex, vectorized)
        self.notes_start = isinstance(self.executor, concurrent.futures.ThreadPoolExecutor) and not _has_processes(
            self.executor
        )
        if _has_processes(self.executor):
            try:
                self._function.pickled(self.workers or 1)
            except Exception as error:
                raise TypeError(
                    f"learner.function cannot be pickled, so it cannot be sent to the processes of "
                    f"{type(self.executor).__name__}: {error}. Create such objects (locks, open files, "
                    "connections) inside the function, or use a ThreadPoolExecutor."
                ) from error
        if isinstance(self.executor, concurrent.futures.ProcessPoolExecutor):
            # Its processes are forked from the user's thread, not from one of this package; and a pool that was
            # shut down is rejected at once.
            self.executor.submit(int)

    @property
    def takes_many(self) -> bool:
        """True if points can be submitted together, to be evaluated one after the other."""
        return not self.is_sequential

    @property
    def is_sequential(self) -> bool:
        """True if points are evaluated in the thread that submits them."""
        return isinstance(self.executor, SequentialExecutor)

    def submit(self, points: Sequence[Any], start: Start | None = None) -> Any:
        """Start to evaluate points; returns the future of the result of `worker.evaluate`."""
        if start is None or not self.notes_start:
            return self.executor.submit(evaluate, self._function, points)
        return self.executor.submit(evaluate, self._function, points, start)

    def revive(self) -> bool:
        """Replace a broken executor, if possible; returns True if it was replaced.

        Only loky supports this: it has one executor for the whole process, and replaces it if it is broken.
        """
        if not type(self.executor).__module__.startswith("loky.reusable"):
            return False
        if getattr(self.executor, "_initializer", None) is not None:
            return False  # the new executor would not call it
        import loky

        self.executor = loky.get_reusable_executor(max_workers=self.workers)
        self._function.pickled(self.workers or 1)
        return True

    def send_function_again(self) -> None:
        """Send the function with one more submission, because a worker does not have it."""
        self._function.pickled(1)

    def take_back(self, future: Any) -> bool:
        """Take back a submission, unless it has begun; returns True if it was taken back."""
        return not self._is_elsewhere and bool(future.cancel())

    def has_begun(self, future: Any) -> bool:
        """Return True if a submission whose turn it is has begun, for evaluations that do not note their start."""
        return self._is_elsewhere or not hasattr(future, "running") or bool(future.running())

    def abandon(self, future: Any) -> None:
        """Give up a submission."""
        if _view_of(self.executor) is None:
            future.cancel()
        elif not future.done():
            with contextlib.suppress(Exception):  # it may just have ended
                future.abort()

    @property
    def _is_elsewhere(self) -> bool:
        # Futures of ipyparallel and of Dask can be cancelled while they are being evaluated.
        return isinstance(self.executor, ClientExecutor) or _view_of(self.executor) is not None


def is_executor(value: Any) -> bool:
    """Return True if a run can use an object as executor, not counting Dask clients."""
    is_class = isinstance(value, type)  # a class instead of an executor
    return (callable(getattr(value, "submit", None)) and not is_class) or _is_ipyparallel(value)


def count_workers(executor: Any) -> int | None:
    """Return the number of simultaneous evaluations of an executor; None if it is unknown."""
    if isinstance(executor, SequentialExecutor):
        return 1
    if isinstance(executor, ClientExecutor):
        return int(sum(executor._client.nthreads().values()))
    view = _view_of(executor)
    if view is not None:
        return len(view)
    for name in ("num_workers", "_max_workers", "max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int):
            return count
    return None


def as_executor(executor: Any) -> Any:
    """Return the executor itself, or that of an ipyparallel client.

    Raises
    ------
    TypeError
        If it is not an executor.
    """
    if _is_ipyparallel(executor):
        return executor.executor()
    if not is_executor(executor):
        raise TypeError(f"executor must be {ACCEPTED}, got {type(executor).__name__}.")
    return executor


def _view_of(executor: Any) -> Any:
    """Return the view behind an executor of ipyparallel; None for any other executor."""
    return getattr(executor, "view", None)


def _is_ipyparallel(value: Any) -> bool:
    # If there is such a client, the package has been imported.
    ipyparallel = sys.modules.get("ipyparallel")
    return ipyparallel is not None and isinstance(value, ipyparallel.Client)


def _has_processes(executor: Any) -> bool:
    """Return True if a function must be pickled for the workers, as far as it is known."""
    here = (SequentialExecutor, concurrent.futures.ThreadPoolExecutor)
    interpreters = getattr(concurrent.futures, "InterpreterPoolExecutor", ())  # of Python 3.14, a kind of threads
    if isinstance(executor, here) and not isinstance(executor, interpreters):
        return False
    known = ("concurrent.futures", "loky", "ipyparallel", "mpi4py", "distributed")
    return type(executor).__module__.startswith(known)
