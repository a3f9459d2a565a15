"""Session: a run as a state machine without clocks, threads, sockets or Dask.

All runs use a `Session` for retries, goals, logs, order and counters. A driver takes points, lets evaluators process
them, and tells the outcomes; it uses one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerError, WorkerLostError
from adaptive_dask.learner.subclasses import takes_batches
from adaptive_dask.plain import short_repr
from adaptive_dask.run.failures import Failure, FailureBook, OnError, Point, check_on_error, error_as_infeasible
from adaptive_dask.run.goals import Goal, LossGoal
from adaptive_dask.run.journal import Journal
from adaptive_dask.run.points import OpenPoints
from adaptive_dask.run.reorder import OrderedPoints
from adaptive_dask.run.tracebacks import format_error
from adaptive_dask.user_code import guarded, reraise_interrupt

Told = list[tuple[Point, Any]]

# The run fails if this number of points were lost with their workers and none was ever evaluated.
MAX_DEADLY_POINTS = 3

# The run fails if this number of points failed and none had a value, because the function is at fault. A learner that
# starts with data may return points again that failed before, so one more point may fail for each known point.
MAX_FAILED_POINTS = 100

# The number of results after which the loss must be finite although points failed. It is checked again when the number
# has doubled.
FIRST_LOSS_CHECK = 20
MAX_NAMED = 3


class Session:
    """A learner, its goal, and all points between `ask` and `tell`.

    Parameters
    ----------
    learner : BaseLearner
        Or any object with ``ask`` and ``tell``. If it has no ``npoints``, the session counts the points that it told.
    goal : Goal
    retries : int, default: 0
        Number of times that a failed point is evaluated again.
    on_error : "raise", "skip", "infeasible" or callable, default: "raise"
        Action for a point that failed for good. ``"raise"``: the run fails. ``"skip"``: the point stays pending in
        the learner and is listed in `failed`. ``"infeasible"``: the learner is told `Infeasible` with the error as the
        reason. A function: the learner is told the value that
        ``on_error(point, error)`` returns; an exception in it fails the run. In any case the run fails if the first
        100 points failed (plus one for each point that the learner knew), and if failed points alone keep the loss
        infinite although the goal is a loss.
    allowed_failures : int, default: 3
        Number of times that a point may be lost with its worker before it counts as failed. Such points do not end the
        run, unless no point was ever evaluated.
    ordered : int, optional
        Tell the learner outcomes in the order in which their points were asked for, with this number of points in
        flight, so that the data do not depend on timing. Points that are in flight at the goal are dropped, because
        their progress depends on timing.
    log : bool, default: False
        Whether to record the calls to the learner in `log`, for `replay_log`.
    journal : Journal, optional

    Attributes
    ----------
    error : AdaptiveError or None
        The error of a failed run.
    told : int
        Number of outcomes that the learner was told; a `call` that changes data counts as one.
    lost_count, blamed_count : int
        Number of points that were lost with their worker, and of those that were blamed.
    points : OpenPoints
        The points between `ask` and `tell`.
    book : FailureBook
        The points that failed.
    """

    def __init__(
        self,
        learner: Any,
        goal: Goal,
        *,
        retries: int = 0,
        on_error: OnError = "raise",
        allowed_failures: int = 3,
        ordered: int | None = None,
        log: bool = False,
        journal: Journal | None = None,
    ) -> None:
        for name, value in {"retries": retries, "allowed_failures": allowed_failures}.items():
            if value < 0:
                raise ValueError(f"{name} must be 0 or more, got {value}.")
        if ordered is not None and ordered < 1:
            raise ValueError(f"ordered must be 1 or more points to keep in flight, got {ordered}.")
        self.learner = learner
        self.goal = goal
        self.retries = retries
        self.on_error = error_as_infeasible if on_error == "infeasible" else check_on_error(on_error)
        self.allowed_failures = allowed_failures
        self.log: list[tuple[Any, ...]] | None = [] if log else None
        self._journal = journal

        self.error: AdaptiveError | None = None
        self.told = 0
        self.lost_count = 0
        self.blamed_count = 0
        self.points = OrderedPoints(ordered, journal) if ordered else OpenPoints()
        self.book = FailureBook()
        self._deadly = 0
        self._values: list[Any] = []  # a value of a point
        self._next_loss_check = FIRST_LOSS_CHECK
        self._substitutes: list[tuple[int, Any]] = []  # substitute values of deadly points, to be told
        self._goal_reached = False
        self._finished = False
        self._exhausted = False
        self._check_goal()

    # ---- for a driver

    def take(self, n: int) -> list[tuple[int, Point]]:
        """Take points to evaluate.

        Parameters
        ----------
        n : int
            Maximum number of points. There are fewer if a goal in points is about to be reached, if the learner returns
            fewer, or if the run has ended.

        Returns
        -------
        list of (int, point)
            Points with the ids for `tell`.
        """
        if not self.done:
            self._ask(self.points.missing(n))
            if self.error is None:
                return self.points.take(n)
        return []

    def tell(self, outcomes: Iterable[tuple[int, Any]]) -> Told:
        """Tell the learner outcomes, in any order. Unknown ids, and ids that have an outcome, are ignored.

        Late outcomes of lost points are accepted, and these points are not evaluated again.

        Parameters
        ----------
        outcomes : iterable of (int, value or Failure)

        Returns
        -------
        list of (point, value)
            Points and values that the learner was told.
        """
        if self._substitutes:
            outcomes = [*self._substitutes, *outcomes]
            self._substitutes.clear()
        told: Told = []
        for due, missing in self.points.due(outcomes, lambda: self.done):
            if missing:
                self._ask(missing)
            else:
                told += self._tell(due)
        if self.book.failed_count and not self.done:
            self._check_failed()
            self._check_loss()
        return told

    def tell_from_elsewhere(self, point: Point, value: Any) -> Told:
        """Tell the learner a result that this session did not ask for; raises the error of the learner.

        With such results, a run may exceed a goal in points, by the number of points in flight.
        """
        guarded(self.learner.tell, point, value)
        told = self._note([], [point], [value])
        self._check_goal()
        return told

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call ``function(learner, *args, **kwargs)``; `told` increases if the known points change."""
        before = self._known
        try:
            return guarded(function, self.learner, *args, **kwargs)
        finally:
            if self._known != before:
                self.told += 1
                self._check_goal()

    def resume(self, asked: Mapping[int, Point], held: Mapping[int, Any], told: int = 0) -> Told:
        """Continue with the points of an earlier session of this learner; call this first.

        Points beyond a goal in points are dropped. If the goal is reached, nothing is resumed.

        Parameters
        ----------
        asked : mapping of int to point
            Points without an outcome, by their ids in that session.
        held : mapping of int to value
            Outcomes of some of these points.
        told : int, default: 0
            Number of outcomes that the learner was told.

        Returns
        -------
        list of (point, value)
            Points and values that the learner was told by this call.
        """
        self.told = told
        self._check_goal()
        if self.done or not asked:
            return []
        ids = sorted(asked)
        room = len(ids) if self.goal.npoints is None else self.goal.npoints - self.npoints
        if not hasattr(self.learner, "tell_pending"):  # a custom class would return them again
            room = 0
        try:
            for pid in ids[:room]:
                self.learner.tell_pending(asked[pid])
        except BaseException as error:
            self.fail(_learner_error("tell_pending", error))
            return []
        if self._journal is not None:
            self._journal.dropped(ids[room:])
        ids = ids[:room]
        self.points.restore({pid: asked[pid] for pid in ids})
        self.points.next_id = max(asked) + 1
        return self.tell((pid, held[pid]) for pid in ids if pid in held)

    def lost(self, ids: Iterable[int], *, blame: Callable[[int], bool] = lambda pid: True) -> list[int]:
        """Return points to the queue because their worker was lost.

        They are the next to be taken. Call `tell` afterwards, possibly without outcomes, because a point that failed
        may have a substitute value, and outcomes of later points may have waited for it.

        Parameters
        ----------
        ids : iterable of int
            Ids that are not in flight are ignored.
        blame : callable, optional
            Called with an id; returns True if the point may have caused the loss. Only such losses count.

        Returns
        -------
        list of int
            The ids of points that failed for good, because they were lost too many times.
        """
        failed, again = [], []
        for pid in dict.fromkeys(ids):
            if not self.points.is_in_flight(pid):
                continue
            self.lost_count += 1
            losses = self.points.losses.get(pid, 0) + 1
            if not blame(pid):
                again.append(pid)
                continue
            self.blamed_count += 1
            if losses <= self.allowed_failures:
                self.points.losses[pid] = losses
                again.append(pid)
            else:
                if self._fail_deadly(pid, losses):
                    failed.append(pid)
        self.points.return_(again)
        return failed

    def give_back(self, ids: Iterable[int]) -> None:
        """Return points whose evaluation has not begun to the queue. They are next, and do not count as lost.

        Parameters
        ----------
        ids : iterable of int
            Ids that are not in flight are ignored.
        """
        self.points.return_([pid for pid in dict.fromkeys(ids) if self.points.is_in_flight(pid)])

    def drop(self, ids: Iterable[int] = (), points: Sequence[Point] = ()) -> list[tuple[int, Point]]:
        """Give up points that have no outcome, by id or by value; later outcomes are ignored.

        The points stay pending in the learner until the run ends, so it does not return them again. Call `tell`
        afterwards, as after `lost`.

        Returns
        -------
        list of (int, point)
            The points that were given up.
        """
        dropped = self.points.drop(ids, points)
        for pid, _ in dropped:
            self.book.forget(pid)
        if self._journal is not None and dropped:
            self._journal.dropped([pid for pid, _ in dropped])
        return dropped

    def finish(self) -> None:
        """End the run. No more points can be taken, and points in flight are forgotten."""
        if self._finished:
            return
        self._finished = True
        self.points.clear()
        self._substitutes.clear()
        self.book.forget_retries()
        try:
            if hasattr(self.learner, "remove_unfinished"):
                self.learner.remove_unfinished()
        except BaseException as error:
            self.fail(_learner_error("remove_unfinished", error))

    def set_goal(self, goal: Goal) -> None:
        """Set another goal, unless the run has ended."""
        if not self.done:
            self.goal = goal
            self._check_goal()

    def fail(self, error: AdaptiveError) -> None:
        """End the run with an error; only the first error is kept."""
        if self.error is None:
            self.error = error

    # ---- for any thread

    @property
    def done(self) -> bool:
        """True if the goal is reached, the learner has no more points, or the run has failed or ended."""
        return self._finished or self._goal_reached or self._exhausted or self.error is not None

    @property
    def npoints(self) -> int:
        try:
            return int(getattr(self.learner, "npoints", self.told))
        except BaseException as error:
            self.fail(_learner_error("learner.npoints", error))
            return self.told

    @property
    def asks_no_more(self) -> bool:
        """True if no more points are needed for a goal in points, unless some in flight are given up."""
        return self.goal.npoints is not None and self.npoints + len(self.points.unresolved) >= self.goal.npoints

    def is_suspect(self, pid: int) -> bool:
        """Return True if the point was lost repeatedly, so that it must be evaluated alone."""
        return self.points.losses.get(pid, 0) >= max(1, self.allowed_failures - 1)

    # ---- inside

    @property
    def _known(self) -> tuple[int, Any]:
        """Number of points that the learner knows, and of samples if it averages."""
        return self.npoints, getattr(self.learner, "nsamples", None)

    def _ask(self, n: int) -> None:
        if self.goal.npoints is not None:
            n = min(n, self.goal.npoints - self.npoints - self.points.reserved)
        if n <= 0 or self.done:
            return
        try:
            points, _ = self.learner.ask(n)
            points = list(points)
        except BaseException as error:
            self.fail(_learner_error("ask", error))
            return
        if self.log is not None:
            self.log.append(("ask", n))
        self._exhausted = not points and not self.points.unresolved
        first = self.points.add(points)
        if self._journal is not None and points:
            self._journal.asked(first, points)

    def _tell(self, outcomes: Iterable[tuple[int, Any]]) -> Told:
        ids, xs, ys = [], [], []
        for pid, y in outcomes:
            if pid not in self.points.unresolved:
                continue
            x = self.points.resolve(pid)
            if type(y) is Failure:
                substitute = self._fail(pid, x, y)
                if substitute is None:
                    continue
                (y,) = substitute
            elif self.points.losses or self.book.has(pid):
                self.points.losses.pop(pid, None)
                self.book.forget(pid)
            ids.append(pid)
            xs.append(x)
            ys.append(y)
        told = self._tell_learner(ids, xs, ys)
        if told and not self._values:
            self._values.append(told[0][1])
        self._check_goal()
        return told

    def _tell_learner(self, ids: list[int], xs: list[Point], ys: list[Any]) -> Told:
        unexplained: BaseException | None = None
        if len(xs) > 1 and takes_batches(self.learner):
            before = self._known
            try:
                self.learner.tell_many(xs, ys)
            except BaseException as error:
                reraise_interrupt(error)
                # The learner rejected one of the values. Learners ignore known values, so each is told again
                # separately.
                unexplained = error if self._known != before else None
            else:
                return self._note(ids, xs, ys)
        told: Told = []
        for pid, x, y in zip(ids, xs, ys, strict=True):
            try:
                self.learner.tell(x, y)
            except BaseException as error:
                self._refuse(pid, x, y, error)
                unexplained = None
            else:
                if unexplained is not None and pid == ids[-1]:
                    # The loss function raised an error after the value was stored, so the second call did nothing.
                    self._refuse(pid, x, y, unexplained)
                else:
                    told += self._note([pid], [x], [y])
        return told

    def _note(self, ids: list[int], xs: list[Point], ys: list[Any]) -> Told:
        self.told += len(xs)
        if self._journal is not None:
            self._journal.told(ids, xs, ys)
        if self.log is not None:
            self.log.append(("tell", xs[0], ys[0]) if len(xs) == 1 else ("tell_many", xs, ys))
        return list(zip(xs, ys, strict=True))

    def _refuse(self, pid: int, x: Point, y: Any, error: BaseException) -> None:
        """Record that the learner rejected a value; the point is not evaluated again."""
        reraise_interrupt(error)
        text = f"The learner refused the value {short_repr(y)}.\n{format_error(error)}"
        failure = Failure(text, error)
        self.book.close(pid, x, failure, "failed")
        if self.on_error != "skip" and not self.done:  # no further substitute, because the value may be one
            self.fail(failure.as_error(x))

    def _fail(self, pid: int, x: Point, failure: Failure) -> tuple[Any] | None:
        """Record a failure; return a tuple with the substitute value, or None."""
        infeasible = failure.as_infeasible(self.learner, x)
        if infeasible is not None:
            self.points.losses.pop(pid, None)
            self.book.forget(pid)
            return (infeasible,)
        if self.book.fail(pid, x, failure, self.retries):
            self.points.retry(pid, x)
            return None
        self.points.losses.pop(pid, None)
        return self._fail_for_good(pid, x, failure, failure.as_error(x))

    def _fail_for_good(self, pid: int, x: Point, failure: Failure, error: AdaptiveError) -> tuple[Any] | None:
        if callable(self.on_error) and not self.done:
            try:
                value = self.on_error(x, error)
            except AdaptiveError as raised:
                self.fail(raised)
            except BaseException as raised:
                self.fail(_learner_error("on_error", raised))
            else:
                self.book.close(pid, x, failure, "replaced")
                return (value,)
        self.book.close(pid, x, failure, "failed")
        if self.on_error == "raise" and not self.done:
            self.fail(error)
        return None

    def _fail_deadly(self, pid: int, losses: int) -> bool:
        """Record that a point was lost too many times; return True unless there is a substitute value."""
        x = self.points.unresolved.pop(pid)
        self.points.losses.pop(pid, None)
        failure = Failure(
            f"Each of the {losses} workers that evaluated this point died, or came to the end of its lifetime, "
            "during the evaluation."
        )
        if callable(self.on_error):
            error = WorkerLostError(f"learner.function({short_repr(x)}): {failure.traceback_text}")
            substitute = self._fail_for_good(pid, x, failure, error)
            if substitute is not None:
                self.points.unresolved[pid] = x
                self._substitutes.append((pid, *substitute))
                return False
        else:
            self.book.close(pid, x, failure, "failed")
        self._deadly += 1
        has_seen_any = self.told or self.book.failure_count or self.points.held
        if self._deadly >= MAX_DEADLY_POINTS and not has_seen_any and not self.done:
            self.fail(
                WorkerLostError(
                    f"No point was ever evaluated, and {self._deadly} points each took {losses} workers with them, "
                    f"{short_repr(x)} the last. Look at the workers' logs: memory, "
                    "a crash of compiled code, or a --lifetime that is too short?"
                )
            )
        return True

    def _check_goal(self) -> None:
        if self._goal_reached:  # later results may increase the loss
            return
        try:
            if self.goal.npoints is not None:
                self._goal_reached = self.npoints >= self.goal.npoints
            else:
                self._goal_reached = self.goal.is_reached(self.learner)
        except BaseException as error:
            self.fail(_learner_error("goal", error))

    def _check_failed(self) -> None:
        """End the run with an error if all of the first points failed."""
        if self._values or self.book.failed_count < MAX_FAILED_POINTS + self.npoints:
            return
        if any(type(held) is not Failure for held in self.points.held.values()):
            return
        count = f"{self.book.failed_count:,}"
        self._fail_for_failures(
            f"None of the first {count} points had a value, so the function is probably at fault and the run ends."
        )

    def _check_loss(self) -> None:
        """End the run with an error if the goal is a loss that stays infinite because of failed points."""
        goal = self.goal.reached
        if not (self._values and isinstance(goal, LossGoal)) or self.told < self._next_loss_check or self.done:
            return
        self._next_loss_check = 2 * self.told
        try:
            needed = guarded(goal.unreachable_without, self.learner, self.book.failed_points, *self._values)
        except Exception:  # the value is invalid at these points
            return
        if needed:
            named = ", ".join(map(short_repr, needed[:MAX_NAMED])) + ", …" * (len(needed) > MAX_NAMED)
            self._fail_for_failures(
                f"The loss stays infinite because the learner needs points that failed: {named}. Use another goal, "
                "such as npoints_goal, other bounds, or a function on_error that returns a value for such points."
            )

    def _fail_for_failures(self, text: str) -> None:
        last = self.book.last
        text = f"{text} The last failure:\n\n{last.traceback_text}"
        self.fail(FunctionError(last.point, text, last.worker, log=last.log))


def _learner_error(what: str, error: BaseException) -> LearnerError:
    reraise_interrupt(error)
    return LearnerError(f"The run's {what} raised:\n\n{format_error(error)}").caused_by(error)
