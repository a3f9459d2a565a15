"""Failed evaluations, and the points that failed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from adaptive_dask.errors import AdaptiveError, FunctionError, Infeasible, PointTimeoutError
from adaptive_dask.learner.base_learner import takes_infeasible
from adaptive_dask.plain import printable, safe_str, shorten
from adaptive_dask.user_code import require_plain_function

Point = Any

OnError = Literal["raise", "skip", "infeasible"] | Callable[[Point, AdaptiveError], Any]

# The number of tracebacks that are kept.
MAX_TRACEBACKS = 1000


@dataclass(frozen=True)
class Failure:
    """The outcome of an evaluation that failed.

    Attributes
    ----------
    traceback_text : str
        Without control characters; a long text is shortened in the middle.
    exception : Exception, optional
        The exception itself, if it could be sent to this process.
    worker : str, optional
    log : str, optional
        Location of the worker's log.
    """

    traceback_text: str
    exception: BaseException | None = None
    worker: str | None = None
    log: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "traceback_text", shorten(printable(self.traceback_text)))

    def as_error(self, point: Point) -> FunctionError:
        """Return the error of a run that ends because of this failure."""
        return FunctionError(point, self.traceback_text, self.worker, self.exception, self.log)

    def as_infeasible(self, learner: Any, point: Point) -> Infeasible | None:
        """Return the `Infeasible` to tell the learner if the function raised one, see `infeasible_from`."""
        return infeasible_from(self.exception, learner, point)


def infeasible_from(error: BaseException | None, learner: Any, point: Point) -> Infeasible | None:
    """Return the value to tell if the function raised `Infeasible`; None for other errors or learners."""
    if isinstance(error, Infeasible) and takes_infeasible(learner, point):
        return Infeasible(error.reason)  # without the frames
    return None


@dataclass(frozen=True)
class FailedPoint:
    """A point whose evaluation failed, as ``runner.failures`` lists it.

    Attributes
    ----------
    id : int
        The point's number in its run.
    point : object
    status : str
        ``"retrying"``: the point is evaluated again. ``"failed"``: the point stays pending in the learner until the run
        ends. ``"replaced"``: the learner was told the value that ``on_error`` returned.
    tries : int
        Number of failed evaluations, not counting those that were lost with their worker.
    traceback_text : str
        The last traceback.
    worker : str or None
        The worker of the last failure: its address or, for a local executor, the thread, or process and machine. None
        for a coroutine, or if it is unknown.
    log : str or None
        Location of the log of this worker.
    """

    id: int
    point: Point
    status: Literal["retrying", "failed", "replaced"]
    tries: int
    traceback_text: str
    worker: str | None = None
    log: str | None = None


class FailureBook:
    """The failed points of a run, each with its last failure.

    Attributes
    ----------
    failed_count : int
        Number of points that failed for good.
    failure_count, retry_count, timeout_count : int
        Number of evaluations that failed, were retried, and exceeded ``point_timeout``.
    """

    def __init__(self) -> None:
        self.failed_count = 0
        self.failure_count = 0
        self.retry_count = 0
        self.timeout_count = 0
        self._points: dict[int, FailedPoint] = {}
        self._retrying: dict[int, FailedPoint] = {}

    def fail(self, pid: int, point: Point, failure: Failure, retries: int) -> bool:
        """Record a failure; return True if the point is to be evaluated again, up to `retries` times."""
        self.failure_count += 1
        self.timeout_count += isinstance(failure.exception, PointTimeoutError)
        before = self._retrying.get(pid)
        tries = before.tries + 1 if before else 1
        self._retrying[pid] = _record(pid, point, "retrying", tries, failure)
        is_retried = tries <= retries
        self.retry_count += is_retried
        return is_retried

    def close(self, pid: int, point: Point, failure: Failure, status: Literal["failed", "replaced"]) -> None:
        """Record the last failure of a point."""
        before = self._retrying.pop(pid, None)
        record = _record(pid, point, status, before.tries if before else 0, failure)
        if len(self._points) >= MAX_TRACEBACKS:
            record = replace(record, traceback_text="(not kept, because many points failed)")
        known = self._points.get(pid)  # the learner refused the value of `on_error`
        self._points[pid] = record
        self.failed_count += (status == "failed") - (known is not None and known.status == "failed")

    @property
    def last(self) -> FailedPoint:
        """The last point that failed for good with a traceback that was kept."""
        failed = list(itertools.islice(self._points.values(), MAX_TRACEBACKS))
        return next(record for record in reversed(failed) if record.status == "failed")

    @property
    def failed_points(self) -> list[Point]:
        """The points that failed for good, in the order in which the learner was asked for them."""
        return [record.point for pid, record in sorted(self._points.items()) if record.status == "failed"]

    def has(self, pid: int) -> bool:
        """Return True if the last evaluation of a point failed."""
        return pid in self._retrying or pid in self._points

    def forget(self, pid: int) -> None:
        """Forget the failures of a point that has succeeded."""
        self._retrying.pop(pid, None)

    def forget_retries(self) -> None:
        """Forget the failures of points that wait to be evaluated again."""
        self._retrying.clear()

    @property
    def failed(self) -> set[int]:
        """The ids of the points that failed for good."""
        return {pid for pid, record in self._points.items() if record.status == "failed"}

    @property
    def all(self) -> list[FailedPoint]:
        """All failed points; those that are evaluated again come last."""
        return [*self._points.values(), *self._retrying.values()]

    @property
    def tracebacks(self) -> list[tuple[Point, str]]:
        """The failed points with their last tracebacks, as in python-adaptive."""
        return [(failed.point, failed.traceback_text) for failed in self.all]

    @property
    def to_retry(self) -> list[tuple[Point, int]]:
        """The points that are evaluated again, with the number of their failures."""
        return [(failed.point, failed.tries) for failed in self._retrying.values()]


def _record(pid: int, point: Point, status: Any, tries: int, failure: Failure) -> FailedPoint:
    return FailedPoint(pid, point, status, tries, failure.traceback_text, failure.worker, failure.log)


def check_on_error(value: Any) -> OnError:
    """Check the argument ``on_error``.

    Raises
    ------
    ValueError
        If it is none of ``"raise"``, ``"skip"`` and ``"infeasible"``, and not callable.
    TypeError
        If it is an ``async def`` function.
    """
    if value not in ("raise", "skip", "infeasible") and not callable(value):
        raise ValueError(
            'on_error must be "raise", "skip", "infeasible", or a function of (point, error) that returns the value to '
            f"tell, got {value!r}."
        )
    require_plain_function("on_error", value, "Its result is told at once, and nothing waits for it.")
    checked: OnError = value
    return checked


def error_as_infeasible(point: Point, error: AdaptiveError) -> Infeasible:
    """Return the value of a failed point for ``on_error="infeasible"``, with the error as the reason."""
    cause = error.exception if isinstance(error, FunctionError) else error
    if cause is not None:
        return Infeasible(f"{type(cause).__name__}: {safe_str(cause)}".removesuffix(": "))
    return Infeasible(safe_str(error).strip().rpartition("\n")[2])


def choose_on_error(on_error: Any, raise_if_retries_exceeded: bool) -> OnError:
    """Combine ``on_error`` with ``raise_if_retries_exceeded``, the argument of python-adaptive.

    Raises
    ------
    ValueError
        If ``on_error`` is invalid, or if the two contradict each other.
    """
    if on_error is None:
        return "raise" if raise_if_retries_exceeded else "skip"
    if not raise_if_retries_exceeded and on_error != "skip":
        raise ValueError(
            f'raise_if_retries_exceeded=False means on_error="skip", which contradicts on_error={on_error!r}: '
            "give on_error only."
        )
    return check_on_error(on_error)
