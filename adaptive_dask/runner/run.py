"""The interface of runs for runners, on a cluster or in this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from adaptive_dask.errors import SchedulerLostError
from adaptive_dask.plain import one_line
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.status import RunStatus
from adaptive_dask.runner.calls import name_run
from adaptive_dask.runner.replica import Callback, Replica, check_callback
from adaptive_dask.runner.task import LoopTask, RunTask, look_at, running_loop, wait_for_ends

if TYPE_CHECKING:
    from adaptive_dask.runner.saving import PeriodicSaving

# The interval in which a blocking wait checks for Ctrl-C and for results applied by another thread (seconds).
WAIT_STEP_S = 0.5

# The maximum time to wait for a cancelled run (seconds).
CANCEL_WAIT_S = 1.0


class Run(ABC):
    """A run that was started or joined in this process, with the results that have arrived.

    The run has a separate learner; `replica` keeps the user's learner current.

    Parameters
    ----------
    name : str
    replica : Replica

    Attributes
    ----------
    done : concurrent.futures.Future
        Resolved when the run has ended and the replica has all its results: with None, with the error
        of a failed run, or cancelled.
    is_withdrawn : bool
        True if the start of the run was interrupted.
    status : str
        running, paused, finished, cancelled or failed; never ahead of the replica.
    started : float
        In seconds since the epoch.
    losses_before : sequence of (float, int, float)
        For a run that was joined: seconds since its start, points and loss at some earlier moments.
    task : LoopTask or RunTask
        Created by the runner.
    savings : list of PeriodicSaving
    """

    def __init__(self, name: str, replica: Replica) -> None:
        self.name = name
        self.replica = replica
        self.done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.is_withdrawn = False
        self.status = "running"
        self.started = time.time()
        self.losses_before: Sequence[tuple[float, int, float]] = ()
        self.task: LoopTask | RunTask
        self.savings: list[PeriodicSaving] = []
        self._trouble: Exception | None = None  # an error of the user's learner, raised by `learner`

    @property
    @abstractmethod
    def executor(self) -> Any:
        """The Dask client, or the executor."""

    @property
    def asynchronous(self) -> bool:
        """True if `do` returns awaitables."""
        return False

    @property
    def user_loop(self) -> asyncio.AbstractEventLoop | None:
        """The user's event loop, if the run needs it to evaluate."""
        return None

    @property
    def evaluates_in_wait(self) -> bool:
        """True if `wait_for_results`, in the thread of `user_loop`, evaluates points."""
        return False

    @property
    def outlives_program(self) -> str | None:
        """The address of the scheduler that continues the run when this process has ended; None if it does not."""
        return None

    @property
    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """`RunStatus.as_info`; empty while the run starts.

        Its ``"status"`` may be ahead of the replica, and also "draining" or "reconnecting".
        """

    @property
    @abstractmethod
    def elapsed(self) -> float:
        """Duration of the run so far in seconds, on the monotonic clock."""

    @property
    @abstractmethod
    def details(self) -> dict[str, Any]:
        """The last result of `inspect`."""

    @abstractmethod
    def cancel_soon(self) -> None:
        """Cancel the run, from any thread and without waiting for it."""

    @abstractmethod
    def do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a command: wait for its result, or return an awaitable of it."""

    @abstractmethod
    def wait_for_results(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for results."""

    @abstractmethod
    def borrowed_learner(self) -> contextlib.AbstractContextManager[Any]:
        """Lend a learner with the run's data, which does not change in the meantime; may block."""

    # ---- commands, to be called with `do`

    @abstractmethod
    def control(self, action: str) -> Any:
        """Cancel (``"cancel"``), pause, resume or forget the run."""

    @abstractmethod
    def tell(self, points: list[Any], values: list[Any]) -> Any:
        """Tell the learner results that the run did not ask for."""

    @abstractmethod
    def set_goal(self, goal: Goal) -> Any:
        """Set another goal; raises an error if the run has ended."""

    @abstractmethod
    def drop(self, points: list[Any], ids: list[int]) -> Any:
        """Give up points that have no outcome, by value or by id; return them with their ids."""

    @abstractmethod
    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)`` with the run's learner."""

    @abstractmethod
    def inspect(self) -> Any:
        """Fetch points in flight, failures and log; see `Driver.inspect`."""

    # ---- the status and the end, after all results before them

    def show(self, status: str) -> None:
        """Set `status` when the replica has all results that have arrived."""
        self.replica.then(lambda: setattr(self, "status", status))

    def resolve(self, status: str, error: BaseException | None) -> None:
        """Resolve `done` when the replica has all results that have arrived; later calls have no effect."""

        def end() -> None:
            self.status = status
            if self.done.done():
                return
            if status == "cancelled":
                self.done.cancel()
                self.done.set_running_or_notify_cancel()
            elif error is not None:
                name_run(error, self.name, self.replica.learner)
                self.done.set_exception(error)
            else:
                self.done.set_result(None)

        self.replica.then(end)

    # ---- what a runner does

    def ask_to_cancel(self) -> Any:
        """Cancel the run, as `do` does; after the end of the run, its client may be closed."""
        try:
            return self.do(self.control, "cancel")
        except SchedulerLostError:
            if not self.done.done():
                raise
            # A run that was lost here may continue on its scheduler.
            if not self.done.cancelled() and isinstance(self.done.exception(), SchedulerLostError):
                raise
            return None

    def cancel(self) -> Any:
        """Cancel the run, and if possible wait shortly until `status` is updated."""
        asked = self.ask_to_cancel()
        if not self.asynchronous and self.user_loop is None:
            self.wait(CANCEL_WAIT_S)
        return asked

    def add_callback(self, callback: Callback) -> Callback:
        """Call a function with each batch of results that arrives from now on."""
        self.replica.callbacks.append(check_callback(callback))
        return callback

    def learner(self) -> Any:
        """Return the user's learner with all results that have arrived; raises the error of the learner."""
        self.replica.apply()
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        return self.replica.learner

    def applied(self) -> Run:
        """Apply all results that have arrived, and return the run."""
        self.replica.apply()
        return self

    def wait(self, timeout: float | None) -> Any:
        """Wait for the end; return True if the run has ended, or an awaitable of it."""
        if self.asynchronous:
            return asyncio.ensure_future(wait_for_ends([self.done], timeout))
        loop = self.user_loop
        if loop is not None and not self._has_ended():
            if loop is running_loop() and not self.evaluates_in_wait:
                raise RuntimeError(
                    f"The function of the run {self.name!r} is evaluated on the event loop of this thread, "
                    "which waiting would block for ever: use `await runner.task` instead."
                )
            if not loop.is_running() and not loop.is_closed():
                return loop.run_until_complete(wait_for_ends([self.done], timeout))
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._has_ended():
            left = WAIT_STEP_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            self.wait_for_results(min(WAIT_STEP_S, left))
        return True

    def result(self, timeout: float | None) -> Any:
        """Wait for the end; return the learner or raise the error of the run, or return an awaitable of it."""
        if not self.asynchronous:
            return self._result(self.wait(timeout))

        async def wait() -> Any:
            return self._result(await wait_for_ends([self.done], timeout))

        return asyncio.ensure_future(wait())

    def _result(self, has_ended: bool) -> Any:
        if not has_ended:
            raise TimeoutError(f"The run {self.name!r} has not ended yet.")
        try:
            self.done.result()
        except Exception:
            look_at(self.task)
            raise
        return self.learner()

    def _has_ended(self) -> bool:
        try:
            self.replica.apply()
        except Exception as error:  # raised by `learner`, because the error of the run comes first
            self._trouble = self._trouble or error
        return self.done.done()


def status_of(run: Run) -> RunStatus | None:
    """Return the newest status; None while the run starts. May be called from any thread.

    Unlike `Run.status`, this can be ahead of the replica, which has to wait for a busy cell.
    """
    summary = run.summary
    if not summary:
        return None
    status = RunStatus.from_info(summary)
    return status._replace(elapsed=run.elapsed, status=run.status if run.done.done() else status.status)


def shown_status(run: Run) -> str:
    """Return the newest state to display; see `RunStatus.shown`."""
    status = status_of(run)
    return run.status if status is None else status.shown


def overhead_of(run: Run) -> float:
    """Return the share of the evaluators' time that was not spent in the function, in percent; 0 if unknown."""
    status = status_of(run)
    return 0.0 if status is None or math.isnan(status.overhead) else 100 * status.overhead


def describe_run(run: Run, kind: str, link: str | None) -> str:
    """Return one line for ``repr(runner)``."""
    points = run.summary.get("npoints", 0)
    return one_line(f"<{kind} {run.name!r}: {run.status}, {points} points{f', {link}' if link else ''}>")
