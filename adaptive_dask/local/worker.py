"""What an executor's workers run: evaluates points, wherever that is. Light, for each process imports it."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle

from adaptive_dask.cluster.protocol import Packed, dumps, pack, unpack
from adaptive_dask.learner.by_value import dumps_by_value

Function = Callable[[Any], Any]

# So many functions of runs a process keeps, and functions up to so many bytes are sent with each submission.
KEPT_FUNCTIONS = 8
SMALL = 16_384

# Of points that were submitted together, no more are begun after so long (seconds).
BUDGET = 0.005


@dataclass(frozen=True, slots=True)
class Value:
    """What the function returned, in so many seconds; packed if it had to go to another process."""

    value: Any
    seconds: float
    packed: bool = False


@dataclass(frozen=True, slots=True)
class Raised:
    """That the function raised, after so many seconds; the exception, if need be packed, where that can be done."""

    text: str
    exception: Any
    seconds: float
    packed: bool = False


@dataclass(frozen=True, slots=True)
class FunctionMissing:
    """The process has not got the function, and it was not sent along."""


Result = Value | Raised


class TravellingFunction:
    """A function that is pickled by value, once, when an executor takes it to another process.

    Parameters
    ----------
    function : callable
    key : str
        Under which processes keep the function.
    """

    def __init__(self, function: Function, key: str) -> None:
        self.function = function
        self._key = key
        self._data: bytes | None = None
        self._lock = threading.Lock()
        self._sends_left = 0

    def pickled(self, processes: int) -> bytes:
        """Pickle the function; a large one then goes along with so many submissions only."""
        with self._lock:
            if self._data is None:
                self._data = dumps_by_value(self.function)
            self._sends_left = max(self._sends_left, processes)
            return self._data

    def __reduce__(self) -> tuple[type[ArrivedFunction], tuple[str, bytes | None]]:
        data = self.pickled(0)
        with self._lock:
            if len(data) <= SMALL:
                return ArrivedFunction, (self._key, data)
            if self._sends_left > 0:
                self._sends_left -= 1
                return ArrivedFunction, (self._key, data)
            return ArrivedFunction, (self._key, None)


class ArrivedFunction:
    """A `TravellingFunction` in another process. Unpickling it loads nothing, and so cannot fail."""

    def __init__(self, key: str, data: bytes | None) -> None:
        self._key = key
        self._data = data

    def load(self) -> Function | None:
        """The function; None if it neither is here nor came along."""
        with _lock:
            function = _functions.get(self._key)
            if function is None and self._data is not None:
                function = _functions[self._key] = cloudpickle.loads(self._data)
            if function is not None:
                _functions.move_to_end(self._key)
            while len(_functions) > KEPT_FUNCTIONS:
                _functions.popitem(last=False)
            return function


_functions: OrderedDict[str, Function] = OrderedDict()
_lock = threading.Lock()


def evaluate(function: TravellingFunction | ArrivedFunction, points: Sequence[Any]) -> list[Result] | FunctionMissing:
    """Evaluate points.

    Parameters
    ----------
    function : TravellingFunction or ArrivedFunction
        The one if this is the process that submitted, else the other.
    points : sequence
        Points, as the learner gave them.

    Returns
    -------
    list of Value or Raised
        Of the first points, if they take long, and at least of one. Nothing that the function does is raised.
    """
    if isinstance(function, TravellingFunction):
        call = function.function
        return _until_late(_evaluate_here, call, points)
    try:
        loaded = function.load()
    except Exception as error:
        text = f"The function could not be loaded where it was to be evaluated:\n{_format(error)}"
        return [Raised(text, _pack_exception(error), 0.0, True) for _ in points]
    if loaded is None:
        return FunctionMissing()
    return _until_late(_evaluate_away, loaded, points)


def _until_late(each: Callable[[Function, Any], Result], function: Function, points: Sequence[Any]) -> list[Result]:
    end = time.perf_counter() + BUDGET
    results = []
    for point in points:
        results.append(each(function, point))
        if time.perf_counter() >= end:
            break
    return results


def _call(function: Function, point: Any) -> Any:
    value = function(point)
    # A coroutine function that nobody recognised as one.
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def _evaluate_here(function: Function, point: Any) -> Result:
    begin = time.perf_counter()
    try:
        return Value(_call(function, point), time.perf_counter() - begin)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit in a user's function is a failure like any other
        return Raised(describe(error), error, time.perf_counter() - begin)


def _evaluate_away(function: Function, point: Any) -> Result:
    begin = time.perf_counter()
    try:
        packed = _pack(_call(function, point))
        return Value(packed, time.perf_counter() - begin, True)
    except BaseException as error:
        return Raised(describe(error), _pack_exception(error), time.perf_counter() - begin, True)


def unpacked(result: Value) -> Any:
    """The value itself; raises what unpickling it raises."""
    return unpack(result.value) if result.packed else result.value


def exception_of(result: Raised) -> BaseException | None:
    """The exception itself, where it could be brought here."""
    if not result.packed:
        exception: BaseException = result.exception
        return exception
    try:
        return unpack(result.exception) if result.exception is not None else None
    except Exception:
        return None


def describe(error: BaseException, ours: str = __file__) -> str:
    """The traceback, from the user's function on: the frames of a file of ours are left out."""
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename == ours:
        inner = inner.tb_next
    return _format(error.with_traceback(inner))


def _pack(value: Any) -> Packed:
    try:
        return pack(value)
    except Exception as error:
        raise TypeError(
            f"The function returned an object of type {type(value).__name__}, which cannot be pickled, "
            "so it cannot be sent to the learner. Return numbers, arrays, or other data that pickle takes."
        ) from error


def _pack_exception(error: BaseException) -> bytes | None:
    try:
        return dumps(error.with_traceback(None))
    except Exception:
        return None


def _format(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
