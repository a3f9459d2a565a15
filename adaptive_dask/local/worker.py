"""Evaluate points in the workers of an executor. Each process imports this module, so it imports little."""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from adaptive_dask import output
from adaptive_dask.errors import BatchShapeError
from adaptive_dask.isolated.supervisor import EvaluationCancelledError, EvaluationFailedError
from adaptive_dask.local.travelling import ArrivedFunction, Function, TravellingFunction
from adaptive_dask.run import interruption
from adaptive_dask.run.pickling import dumps_exception, loads_exception, pack_returned, unpack
from adaptive_dask.run.tracebacks import format_error, format_from_function
from adaptive_dask.user_code import guarded, reraise_interrupt

# The time after which no more points of a submission are begun (seconds).
BUDGET = 0.005


class Value(NamedTuple):
    """A value of the function, packed if it comes from another process, and the duration."""

    value: Any
    seconds: float
    packed: bool = False


class Raised(NamedTuple):
    """An error of the function, packed if it comes from another process, and the duration.

    `worker` is the name of the thread or process.
    """

    text: str
    exception: Any
    seconds: float
    packed: bool = False
    worker: str | None = None


class FunctionMissing(NamedTuple):
    """The function was not sent, and the process does not have it."""


class CulpritUnknown(NamedTuple):
    """A call for many points raised an error. Evaluate them one by one to find out which of them fails."""


Result = Value | Raised


class Start:
    """The time and thread in which an evaluation in this process began.

    Attributes
    ----------
    begin : float or None
        Time of the start, on the clock `time.perf_counter`.
    thread : threading.Thread or None
        None for a coroutine.
    where : str
        Location of the function, if it is known.
    """

    __slots__ = ("_cancel", "begin", "thread", "where")

    def __init__(self) -> None:
        self.begin: float | None = None
        self.thread: threading.Thread | None = None
        self.where = ""
        self._cancel: Callable[[], None] | None = None

    def set_cancel(self, cancel: Callable[[], None] | None, where: str) -> None:
        """Set the call that ends the evaluation; None if it cannot be ended any more."""
        self.where = where
        self._cancel = cancel

    def end(self) -> bool:
        """End the evaluation if possible; return True if it was ended."""
        cancel = self._cancel
        if cancel is not None:
            cancel()
        return cancel is not None

    def note(self, thread: threading.Thread | None) -> None:
        """Record that the evaluation begins now."""
        self.thread = thread
        self.begin = time.perf_counter()


def evaluate(
    function: TravellingFunction | ArrivedFunction, points: Sequence[Any], start: Start | None = None
) -> list[Result] | FunctionMissing | CulpritUnknown:
    """Evaluate points.

    Parameters
    ----------
    function : TravellingFunction or ArrivedFunction
        The former in the process that submitted the points, the latter in others.
    points : sequence
        In the form that the learner uses.
    start : Start, optional
        Filled in by the evaluation.

    Returns
    -------
    list of Value or Raised
        Results of all points, or of the first ones if they take long. Errors of the function are not raised.
    """
    is_here = isinstance(function, TravellingFunction)
    call: Function | None
    if isinstance(function, TravellingFunction):
        call = function.function
    else:
        try:
            call = function.load()
        except BaseException as error:
            text = f"The function could not be loaded where it was to be evaluated:\n{format_error(error)}"
            return [Raised(text, dumps_exception(error), 0.0, True, _this_process()) for _ in points]
        if call is None:
            return FunctionMissing()
        output.install()
    if start is not None:
        start.note(threading.current_thread())
    interruption.begin(None if start is None else start.set_cancel)
    if function.vectorized:
        return _evaluate_together(call, points, is_here)
    each = _evaluate_here if is_here else _evaluate_away
    if len(points) == 1:
        return [each(call, points[0])]
    end = time.perf_counter() + BUDGET
    results = []
    for point in points:
        results.append(each(call, point))
        if time.perf_counter() >= end:
            break
    return results


def _evaluate_together(function: Function, points: Sequence[Any], is_here: bool) -> list[Result] | CulpritUnknown:
    from adaptive_dask.learner.batch_call import call_batch  # here, because it loads the learners

    output.begin()
    begin = time.perf_counter()
    try:
        values = call_batch(function, points)
        values = [own(value) if is_here else pack_returned(value) for value in values]
    except BaseException as error:
        if is_here:
            reraise_interrupt(error)
        # a wrong number of values is the fault of the function
        if len(points) > 1 and not isinstance(error, BatchShapeError):
            return CulpritUnknown()
        seconds = (time.perf_counter() - begin) / len(points)
        return [raised(error, seconds, is_here) for _ in points]
    seconds = (time.perf_counter() - begin) / len(points)
    return [Value(value, seconds, not is_here) for value in values]


def _call(function: Function, point: Any) -> Any:
    value = function(point)
    # a coroutine function that was not recognised
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def own(value: Any) -> Any:
    """Copy arrays and containers in a result, because the function may use them again before the learner is told."""
    if isinstance(value, int | float):
        return value
    try:
        return _copied(value)
    except RecursionError:  # a list that contains itself
        return value


def _copied(value: Any) -> Any:
    from adaptive_dask.learner.picked import Picked  # here, because it loads the learners

    kind = type(value)
    if isinstance(value, np.ndarray):
        return value.copy()
    if kind is list or kind is tuple:
        return kind(map(_copied, value))
    if kind is dict:
        return {key: _copied(each) for key, each in value.items()}
    return Picked(_copied(value.y), _copied(value.extra)) if kind is Picked else value


def _evaluate_here(function: Function, point: Any) -> Result:
    begin = time.perf_counter()
    try:
        return Value(own(_call(function, point)), time.perf_counter() - begin)
    except BaseException as error:  # includes SystemExit
        reraise_interrupt(error)
        return raised(error, time.perf_counter() - begin, is_here=True)


def _evaluate_away(function: Function, point: Any) -> Result:
    output.begin()
    begin = time.perf_counter()
    try:
        packed = pack_returned(_call(function, point))
        return Value(packed, time.perf_counter() - begin, True)
    except BaseException as error:
        return raised(error, time.perf_counter() - begin, is_here=False)


def raised(error: BaseException, seconds: float, is_here: bool = True) -> Raised:
    """Return the outcome of an evaluation that raised an error."""
    if isinstance(error, EvaluationCancelledError):
        raise error
    if isinstance(error, EvaluationFailedError):
        return Raised(error.text, error.exception, seconds, worker=error.where)
    text = format_from_function(error)
    if is_here:
        return Raised(text, error, seconds, worker=threading.current_thread().name)
    return Raised(output.with_output(text), dumps_exception(error), seconds, packed=True, worker=_this_process())


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def unpacked(result: Value) -> Any:
    """Return the value; raises an error if it cannot be unpickled."""
    return guarded(unpack, result.value) if result.packed else result.value


def exception_of(result: Raised) -> BaseException | None:
    """Return the exception, if it could be sent to this process."""
    if not result.packed:
        exception: BaseException = result.exception
        return exception
    return loads_exception(result.exception)
