"""What a run may use as an executor, how many workers it has, and how points get to them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import sys
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

from adaptive_dask.local.sequential import SequentialExecutor
from adaptive_dask.local.travelling import Function, TravellingFunction
from adaptive_dask.local.worker import Start, evaluate

ACCEPTED = (
    "a dask.distributed.Client, an executor of concurrent.futures (ThreadPoolExecutor, ProcessPoolExecutor), "
    "adaptive_dask.runner.SequentialExecutor, loky.get_reusable_executor(), an ipyparallel.Client, "
    "an mpi4py.futures.MPIPoolExecutor, or any other object whose submit(function, *args) returns a future"
)


class Pool(Protocol):
    """Something that evaluates points of one run.

    Attributes
    ----------
    workers : int or None
        How many evaluations at a time are meant to be; None if that cannot be known.
    """

    workers: int | None

    @property
    def takes_many(self) -> bool:
        """Whether points may be submitted together, to be evaluated one after the other."""

    @property
    def notes_start(self) -> bool:
        """Whether evaluations themselves say when they begin."""

    @property
    def executor(self) -> Any:
        """What the user passed as executor, or what stands for it."""

    @property
    def is_sequential(self) -> bool:
        """Whether points are evaluated in the thread that submits them."""

    def submit(self, points: Sequence[Any], start: Start | None = None) -> Any:
        """Have points evaluated; returns the future of what `worker.evaluate` returns."""

    def take_back(self, future: Any) -> bool:
        """Take back what was submitted, unless it has begun; says whether it was taken."""

    def has_begun(self, future: Any) -> bool:
        """Whether an evaluation that does not note it has begun, if it is the turn of what was submitted."""

    def interrupt(self, future: Any) -> bool:
        """End an evaluation that has begun, where that can be done; says whether it was."""

    def abandon(self, future: Any) -> None:
        """What was submitted is of no use any more."""

    def revive(self) -> bool:
        """Replace an executor that broke, where that can be done; says whether it was."""

    def send_function_again(self) -> None:
        """A worker has not got the function: let it go along with one more submission."""

    def close(self) -> None:
        """Let go of what is this pool's own."""

    def shutdown(self, wait: bool) -> None:
        """Shut the executor down."""


class ExecutorPool:
    """An executor with a function to evaluate.

    Parameters
    ----------
    executor : Executor
        Or an ipyparallel client, whose executor is used then.
    function : callable
    vectorized : bool, default: False
        Whether the function takes many points in one call.

    Attributes
    ----------
    executor : Executor
    notes_start : bool
    workers : int or None
        How many there are; None if that cannot be known.

    Raises
    ------
    TypeError
        If it is no executor, or if the function has to be pickled and cannot be.
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
                    f"{type(self.executor).__name__}: {error}. Create what cannot be sent (locks, open files, "
                    "connections) inside the function, or use a ThreadPoolExecutor."
                ) from error
        if isinstance(self.executor, concurrent.futures.ProcessPoolExecutor):
            # Its processes are forked here, from the user's thread, and not from one of ours; and a pool that
            # was shut down is refused at once.
            self.executor.submit(int)

    @property
    def takes_many(self) -> bool:
        """Whether points may be submitted together, to be evaluated one after the other."""
        return not self.is_sequential

    @property
    def is_sequential(self) -> bool:
        """Whether points are evaluated in the thread that submits them."""
        return isinstance(self.executor, SequentialExecutor)

    def submit(self, points: Sequence[Any], start: Start | None = None) -> Any:
        """Have points evaluated; returns the future of what `worker.evaluate` returns."""
        if start is None or not self.notes_start:
            return self.executor.submit(evaluate, self._function, points)
        return self.executor.submit(evaluate, self._function, points, start)

    def revive(self) -> bool:
        """Replace an executor that broke, where that can be done; says whether it was.

        Only loky has one executor for all of a process, which it makes anew when it is broken.
        """
        if not type(self.executor).__module__.startswith("loky.reusable"):
            return False
        if getattr(self.executor, "_initializer", None) is not None:
            return False  # what it did would be missing
        import loky

        self.executor = loky.get_reusable_executor(max_workers=self.workers)
        self._function.pickled(self.workers or 1)
        return True

    def close(self) -> None:
        """Nothing of this pool's is left when its executor is."""

    def send_function_again(self) -> None:
        """A worker has not got the function: let it go along with one more submission."""
        self._function.pickled(1)

    def take_back(self, future: Any) -> bool:
        """Take back what was submitted, unless it has begun; says whether it was taken."""
        return not self._is_elsewhere and bool(future.cancel())

    def has_begun(self, future: Any) -> bool:
        """Whether an evaluation that does not note it has begun, if it is the turn of what was submitted."""
        return self._is_elsewhere or not hasattr(future, "running") or bool(future.running())

    def interrupt(self, future: Any) -> bool:
        """Neither a thread nor a process of a pool can be."""
        return False

    def abandon(self, future: Any) -> None:
        """What was submitted is of no use any more."""
        if not hasattr(self.executor, "view"):
            future.cancel()
        elif not future.done():
            with contextlib.suppress(Exception):  # it may just have ended
                future.abort()

    @property
    def _is_elsewhere(self) -> bool:
        # Futures of ipyparallel and of Dask can be cancelled while they are being evaluated.
        return hasattr(self.executor, "view") or hasattr(self.executor, "_client")

    def shutdown(self, wait: bool) -> None:
        """Shut the executor down."""
        self.executor.shutdown(wait=wait)


def is_executor(value: Any) -> bool:
    """Whether a run can use it, other than a Dask client."""
    is_class = isinstance(value, type)  # the executor was not made
    return (callable(getattr(value, "submit", None)) and not is_class) or _is_ipyparallel(value)


def count_workers(executor: Any) -> int | None:
    """How many evaluations an executor does at once; None if that cannot be known."""
    if isinstance(executor, SequentialExecutor):
        return 1
    view = getattr(executor, "view", None)  # of ipyparallel
    if view is not None:
        return len(view)
    client = getattr(executor, "_client", None)  # of Client.get_executor()
    if client is not None and hasattr(client, "nthreads"):
        return int(sum(client.nthreads().values()))
    for name in ("num_workers", "_max_workers", "max_workers"):
        count = getattr(executor, name, None)
        if isinstance(count, int):
            return count
    return None


def as_executor(executor: Any) -> Any:
    """What has `submit`: of an ipyparallel client, its executor.

    Raises
    ------
    TypeError
        If there is nothing.
    """
    if _is_ipyparallel(executor):
        return executor.executor()
    if not is_executor(executor):
        raise TypeError(f"executor takes {ACCEPTED}; not {type(executor).__name__}.")
    return executor


def _is_ipyparallel(value: Any) -> bool:
    # Who has such a client has imported the package.
    ipyparallel = sys.modules.get("ipyparallel")
    return ipyparallel is not None and isinstance(value, ipyparallel.Client)


def _has_processes(executor: Any) -> bool:
    """Whether a function must be pickled to get to the workers, as far as that is known."""
    here = (SequentialExecutor, concurrent.futures.ThreadPoolExecutor)
    interpreters = getattr(concurrent.futures, "InterpreterPoolExecutor", ())  # of Python 3.14, a kind of threads
    if isinstance(executor, here) and not isinstance(executor, interpreters):
        return False
    known = ("concurrent.futures", "loky", "ipyparallel", "mpi4py", "distributed")
    return type(executor).__module__.startswith(known)
