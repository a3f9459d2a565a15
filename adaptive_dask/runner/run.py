"""What a runner needs of a run, wherever it is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from adaptive_dask.run.goals import Goal
from adaptive_dask.run.status import RunStatus
from adaptive_dask.runner.replica import Replica


class Run(Protocol):
    """A run that has been started, or joined, here: `ClusterRun` and `LocalRun` are such.

    Its learner is another one than the user's, which the replica keeps current.

    Attributes
    ----------
    name : str
    executor : Client or Executor
    asynchronous : bool
        Whether `do` returns awaitables.
    replica : Replica
    done : concurrent.futures.Future
        Resolved when the run has ended and the replica has all its results: with None, with the error
        of a failed run, or cancelled.
    status : str
        running, paused, finished, cancelled or failed; never ahead of the replica.
    summary : dict
        `RunStatus.as_info`; empty while the run starts. Its ``"status"`` may be ahead of the replica, and also
        "draining" or "reconnecting".
    started : float
        In seconds since the epoch.
    elapsed : float
        For how many seconds it has been going on, or went on, by a clock that nobody sets.
    losses_before : sequence of (float, int, float)
        Of a run that was joined: seconds since its start, points and loss at some moments before.
    details : dict
        What `inspect` returned last.
    """

    name: str
    replica: Replica
    done: concurrent.futures.Future[None]
    status: str
    started: float
    losses_before: Sequence[tuple[float, int, float]]

    @property
    def executor(self) -> Any: ...

    @property
    def asynchronous(self) -> bool: ...

    @property
    def user_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the user's without which the run does not go on, if there is one."""

    @property
    def is_evaluated_by_who_waits(self) -> bool:
        """Whether `wait_for_results`, in the thread of `user_loop`, evaluates what the loop does not come to."""

    @property
    def summary(self) -> dict[str, Any]: ...

    @property
    def elapsed(self) -> float: ...

    @property
    def details(self) -> dict[str, Any]: ...

    @property
    def outlives_program(self) -> str | None:
        """Where the run goes on when this process has ended; None if it ends with it."""

    @property
    def is_withdrawn(self) -> bool:
        """Whether its start was interrupted."""

    def cancel_soon(self) -> None:
        """Have it cancelled, without waiting for it; from any thread."""

    def do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make a call of this run: wait for what it returns, or return an awaitable of it."""

    def wait_for_results(self, timeout: float) -> None:
        """Sleep until something has arrived for the replica, for so many seconds at most."""

    def borrowed_learner(self) -> contextlib.AbstractContextManager[Any]:
        """A learner with the run's data that does not change meanwhile; in a thread that may block."""

    # To be called with `do`:

    def control(self, action: str) -> Any:
        """Have the run cancelled (``"cancel"``), paused, resumed or forgotten."""

    def tell(self, points: list[Any], values: list[Any]) -> Any:
        """Tell its learner results from elsewhere."""

    def set_goal(self, goal: Goal) -> Any:
        """Take another goal; an error if it is at its end."""

    def drop(self, points: list[Any], ids: list[int]) -> Any:
        """Give up points, by value or by id, that have no outcome yet; returns them with their ids."""

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with its learner."""

    def inspect(self) -> Any:
        """Points on their way, failures and log: `details`, newly."""


def status_of(run: Run) -> RunStatus | None:
    """The newest status, for any thread; None while the run starts.

    `Run.status` is not ahead of the replica, which has to wait for a busy cell.
    """
    summary = run.summary
    if not summary:
        return None
    status = RunStatus.from_info(summary)
    return status._replace(elapsed=run.elapsed, status=run.status if run.done.done() else status.status)


def shown_status(run: Run) -> str:
    """The newest state, to display; see `RunStatus.shown`."""
    status = status_of(run)
    return run.status if status is None else status.shown
