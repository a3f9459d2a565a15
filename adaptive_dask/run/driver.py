"""Driver: connects a session with its evaluators and its checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from adaptive_dask.errors import AdaptiveError
from adaptive_dask.plain import plain
from adaptive_dask.run.draining import Draining
from adaptive_dask.run.failures import Point
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session, Told
from adaptive_dask.run.status import TROUBLES
from adaptive_dask.user_code import reraise_interrupt

if TYPE_CHECKING:
    from adaptive_dask.storage.checkpoint import Checkpoint

N = TypeVar("N")

# The loss is computed for display at most every 0.1 s, and takes at most 2 % of the learner's time.
LOSS_SHARE = 0.02
LOSS_INTERVAL_S = 0.1


@dataclass(slots=True)
class Arrivals:
    """The reports of evaluators since the last step.

    Attributes
    ----------
    outcomes : list of (int, value or Failure)
    returned : list of int
        Points that were returned without evaluation.
    lost : list of int
        Points that were lost with their worker, or by the executor.
    blamed : set of int
        The lost points that may have caused the loss.
    failed : list of int
        The lost points that failed for good; filled in by `Driver.tell`.
    """

    outcomes: list[tuple[int, Any]] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    blamed: set[int] = field(default_factory=set)
    failed: list[int] = field(default_factory=list)


class Driver:
    """A session with its checkpoint and its numbers.

    Only one thread at a time may call methods. Any thread may read the attributes, which can be out of date.

    Parameters
    ----------
    learner : BaseLearner
        If there is a checkpoint, the learner is told what it contains.
    goal : Goal
    checkpoint : Checkpoint, optional
        `close` closes it. It is closed at once if the session cannot begin.
    functions : sequence of bytes, optional
        The pickled functions of the learner, which are stored in the checkpoint.
    drain : float, default: 0
        Maximum wait for evaluations that are in flight when the goal is reached, in seconds.
    **options
        Further arguments of `Session`.

    Attributes
    ----------
    session : Session
    draining : Draining
    kind : str
        The class of the learner.
    npoints, waiting : int
        Number of points that the learner knows, and of points that wait to be evaluated again.
    nsamples : int or None
        Number of samples, if the learner counts them.
    loss : float
        NaN if it cannot be computed.
    troubles : tuple of int
        The counts of `TROUBLES`: points that failed for good, and evaluations that were repeated, exceeded
        ``point_timeout``, and were lost with their worker.
    infeasible : int
        Number of points where the function has no value.
    error : AdaptiveError or None
        Why the run failed.
    seconds : float
        Time spent in the learner.
    time_is_up : bool
        True after the time of the goal; set by the caller.

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be used.
    AdaptiveError
        If goal or learner raise an error.
    """

    def __init__(
        self,
        learner: Any,
        goal: Goal,
        checkpoint: Checkpoint | None = None,
        *,
        functions: Sequence[bytes] = (),
        drain: float = 0.0,
        **options: Any,
    ) -> None:
        try:
            self.session = _begin(learner, goal, checkpoint, functions, options)
        except BaseException:
            if checkpoint is not None:
                checkpoint.close()
            raise
        self.checkpoint = checkpoint
        self.draining = Draining(drain)
        self.kind = type(learner).__name__
        self.goal = goal
        self._goal_in_numbers = goal.in_numbers(learner, time.time())
        self.nsamples: int | None = None
        self.seconds = 0.0
        self.time_is_up = False
        self._has_dropped = False
        self._next_loss = self._next_count = 0.0
        self.look(force=True)

    # ---- a step: first `tell`, then `take`

    def tell(self, arrivals: Arrivals) -> Told:
        """Tell the learner the outcomes that arrived; return the points and values that it was told."""
        begin = time.perf_counter()
        if arrivals.returned:
            self.session.give_back(arrivals.returned)
        if arrivals.lost:
            arrivals.failed = self.session.lost(arrivals.lost, blame=arrivals.blamed.__contains__)
        told: Told = []
        if arrivals.outcomes or arrivals.lost or self._has_dropped:
            self._has_dropped = False
            told = self.session.tell(arrivals.outcomes)
        if self.session.done:
            self.look()  # no point may be taken any more
        self.seconds += time.perf_counter() - begin
        return told

    def take(self, room: int) -> list[tuple[int, Point]]:
        """Take up to `room` points to evaluate, and update the numbers."""
        begin = time.perf_counter()
        taken = [] if self.time_is_up else self.session.take(room)
        self.look()
        self.seconds += time.perf_counter() - begin
        return taken

    # ---- requests

    def tell_from_elsewhere(self, pairs: Iterable[tuple[Point, Any]]) -> tuple[Told, Exception | None]:
        """Tell the learner results that the run did not ask for.

        Returns
        -------
        told : list of (point, value)
        error : Exception or None
            The first error of the learner. The other results are told as well.
        """
        told: Told = []
        first: Exception | None = None
        for point, value in pairs:
            try:
                told += self.session.tell_from_elsewhere(point, value)
            except Exception as error:
                first = first or error
        self.look(force=True)
        return told, first

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)``."""
        try:
            return self.session.call(function, *args, **kwargs)
        finally:
            self.look(force=True)

    def drop(self, ids: Iterable[int], points: Sequence[Point]) -> list[tuple[int, Point]]:
        """Give up points that have no outcome; call `tell` afterwards, because others may have waited for them."""
        self._has_dropped = True
        return self.session.drop(ids, points)

    def set_goal(self, goal: Goal, run: str, *, is_over: bool) -> None:
        """Set another goal.

        Raises
        ------
        AdaptiveError
            If the run has ended.
        """
        if is_over or self.session.done:
            raise AdaptiveError(f"The run {run!r} has ended. Start a new run for a new goal.")
        self.session.set_goal(goal)
        self.goal = goal
        self._goal_in_numbers = goal.in_numbers(self.session.learner, time.time())
        self.look(force=True)

    def inspect(self, log_from: int = 0) -> dict[str, Any]:
        """Return the points in flight, failures, and the log from some entry on."""
        session = self.session
        return {
            "pending_points": list(session.points.in_flight.items()),
            "failed": session.book.failed,
            "failures": session.book.all,
            "tracebacks": session.book.tracebacks,
            "to_retry": session.book.to_retry,
            "log": None if session.log is None else session.log[log_from:],
        }

    # ---- the end

    @property
    def done(self) -> bool:
        """True if the run has reached its end."""
        return self.time_is_up or self.session.done

    def note_draining(self, ids: Sequence[int]) -> None:
        """Record the evaluations that the run waits for at its goal."""
        self.draining.note(len(ids), self.session.points.describe(ids[: self.draining.MAX_NAMED]))

    def finish(self) -> None:
        """End the session; its checkpoint is complete after `close`."""
        self.session.finish()
        self.look(force=True)

    def close(self) -> None:
        """Close the checkpoint, which waits for the disk."""
        if self.checkpoint is not None:
            self.checkpoint.close()

    # ---- numbers

    def look(self, force: bool = False) -> None:
        """Update the numbers.

        The loss and, if counting takes long, the number of infeasible points are updated only from time to time, unless
        `force` is true.
        """
        session = self.session
        book = session.book
        self.npoints: int = plain(session.npoints)  # the losses of children are sent with the loss
        self.waiting = len(session.points.waiting)
        self.troubles = (book.failed_count, book.retry_count, book.timeout_count, session.blamed_count)
        if force or self.nsamples is not None:
            self.nsamples = _read(lambda: int(session.learner.nsamples), None)
        now = time.monotonic()
        if force or now >= self._next_count:
            self.infeasible = _read(lambda: len(session.learner.infeasible), 0)
            # With a space or with children, this takes as long as there are such points.
            self._next_count = now + (time.monotonic() - now) / LOSS_SHARE
        now = time.monotonic()
        if force or now >= self._next_loss:
            self.loss = _read(lambda: float(session.learner.loss()), math.nan)
            cost = time.monotonic() - now
            self._next_loss = now + max(LOSS_INTERVAL_S, cost / LOSS_SHARE)
        self.error = session.error

    def numbers(self, started: float, elapsed: float) -> dict[str, Any]:
        """Return the fields of `RunStatus` that do not depend on the evaluators; may be called from any thread.

        Parameters
        ----------
        started, elapsed : float
            Start of the run in seconds since the epoch, and its duration in seconds.
        """
        return {
            "learner": self.kind,
            "npoints": self.npoints,
            "loss": self.loss,
            "started": started,
            "elapsed": elapsed,
            "goal": self.goal.at(self._goal_in_numbers, started, elapsed),
            **dict(zip(TROUBLES, self.troubles, strict=True)),
            "infeasible": self.infeasible,
            "nsamples": None if self.nsamples == self.npoints else self.nsamples,
            "learner_seconds": self.seconds,
            "checkpoint": None if self.checkpoint is None else self.checkpoint.status(),
        }


def _begin(
    learner: Any, goal: Goal, checkpoint: Checkpoint | None, functions: Sequence[bytes], options: dict[str, Any]
) -> Session:
    """Return a session that continues the session of the checkpoint, if there is a checkpoint."""
    if checkpoint is None:
        session = Session(learner, goal, **options)
    else:
        resumed = checkpoint.begin(learner, list(functions))
        session = Session(learner, goal, journal=checkpoint.writer, **options)
        session.resume(resumed.asked, resumed.held, resumed.told)
    if session.error is not None:
        raise session.error
    return session


def _read(number: Callable[[], N], otherwise: N) -> N:
    """Return a number of the learner for display; a learner of the user may have none, or raise an error."""
    try:
        return number()
    except BaseException as error:  # the run itself reports errors of its goal
        reraise_interrupt(error)
        return otherwise
