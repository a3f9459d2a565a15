"""What a runner needs of a run, wherever it is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from adaptive_dask.run.goals import Goal
from adaptive_dask.runner.replica import Replica

# A run that begins has no slot yet; after this time it counts as waiting (seconds).
WAITING_AFTER_S = 0.5


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
        How the run stands, in plain data. Always there are ``"name"``, ``"learner"``, ``"status"``, ``"npoints"``,
        ``"loss"``, ``"started"`` and ``"ended"`` (seconds since the epoch; the second is the first and the seconds
        that it took, whatever became of the clock), ``"elapsed"``, ``"goal"`` (see `Goal.in_numbers`), ``"slots"`` and
        how many of them are ``"busy"``, ``"in_flight"``, ``"evaluated"``, ``"failed"``, ``"retries"``, ``"timeouts"``,
        ``"lost"`` (evaluations that were repeated, given up, and lost with a worker), ``"function_seconds"`` and
        ``"slot_seconds"``, and what it ``"waits_for"``, if anything; on a cluster also ``"workers"``,
        ``"points_per_second"`` and ``"pages"``, whether the scheduler's dashboard shows it. Its ``"status"`` knows two
        more kinds of running: draining, when it waits for evaluations at its goal, and reconnecting.
        Of a run that is still being started, it is empty.
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


# Kinds of running that only `Run.summary` tells apart: whoever asks for the status waits for the end of a run.
RUNNING = frozenset({"running", "draining", "reconnecting"})


def coarse_status(status: str) -> str:
    """The status as `Run.status` has it."""
    return "running" if status in RUNNING else status


def newest_status(run: Run) -> str:
    """The status that is known, for any thread: ``run.status`` waits for the learner, and that for a busy cell."""
    return run.status if run.done.done() else str(run.summary.get("status", run.status))


def shown_status(run: Run) -> str:
    """The newest status; "waiting" for a running one that has no slot to be evaluated in."""
    status = newest_status(run)
    return "waiting" if status == "running" and is_waiting(run) else status


def is_waiting(run: Run) -> bool:
    """Whether a run that goes on has had no slot for a while, or says what it waits for."""
    summary = run.summary
    if not summary or summary["ended"] or summary["slots"] or summary["in_flight"]:
        return False
    return bool(summary.get("waits_for")) or run.elapsed > WAITING_AFTER_S
