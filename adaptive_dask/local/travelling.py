"""TravellingFunction: a function that is sent to each worker of an executor once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import cloudpickle

from adaptive_dask.learner.by_value import dumps_by_value

Function = Callable[[Any], Any]

# The number of functions that a process keeps, and the size (bytes) up to which functions are sent with each
# submission.
KEPT_FUNCTIONS = 8
SMALL = 16_384


class TravellingFunction:
    """A function that is pickled by value when an executor sends it to another process.

    Parameters
    ----------
    function : callable
    key : str
        Identifies the function in other processes.
    vectorized : bool, default: False
        Whether it accepts many points in one call.
    """

    def __init__(self, function: Function, key: str, vectorized: bool = False) -> None:
        self.function = function
        self.vectorized = vectorized
        self._key = key
        self._data: bytes | None = None
        self._lock = threading.Lock()
        self._sends_left = 0

    def pickled(self, processes: int) -> bytes:
        """Pickle the function; a large function is sent only with the first `processes` submissions."""
        with self._lock:
            if self._data is None:
                self._data = dumps_by_value(self.function)
            self._sends_left = max(self._sends_left, processes)
            return self._data

    def __reduce__(self) -> tuple[type[ArrivedFunction], tuple[str, bool, bytes | None]]:
        data = self.pickled(0)
        with self._lock:
            if len(data) <= SMALL:
                return ArrivedFunction, (self._key, self.vectorized, data)
            if self._sends_left > 0:
                self._sends_left -= 1
                return ArrivedFunction, (self._key, self.vectorized, data)
            return ArrivedFunction, (self._key, self.vectorized, None)


class ArrivedFunction:
    """A `TravellingFunction` in another process. Unpickling it does not load the function, so it cannot fail."""

    def __init__(self, key: str, vectorized: bool, data: bytes | None) -> None:
        self.vectorized = vectorized
        self._key = key
        self._data = data

    def load(self) -> Function | None:
        """Return the function; None if it was not sent and this process does not have it."""
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
