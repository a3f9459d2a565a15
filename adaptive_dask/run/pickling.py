"""Pickle points, values and errors for another process, or pack them for a message.

Learners and their functions are pickled by `adaptive_dask.learner.function_pickle`.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adaptive_dask.errors import AdaptiveError, Infeasible
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.run.tracebacks import format_error
from adaptive_dask.user_code import as_exception, guarded, reraise_interrupt

PackedValue = float | bytes
"""A point or a value in a message: a float as it is, anything else pickled."""

PackedError = Sequence[bytes]
"""An error in several forms, the most complete first: the receiver takes the first one that it can load."""

# Of a larger exception, only the text is sent.
MAX_EXCEPTION_BYTES = 1_000_000


def dumps(value: Any) -> bytes:
    """Pickle a value. Definitions from ``__main__`` are pickled by value, because it differs between processes.

    Raises
    ------
    Exception
        Any error of pickling the value.
    """
    try:
        data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except BaseException as error:
        reraise_interrupt(error)
        data = b"__main__"
    return dumps_by_value(value) if b"__main__" in data else data


def pack(value: Any) -> PackedValue:
    """Pack a point or a value for a message.

    Raises
    ------
    Exception
        Any error of pickling the value.
    """
    kind = type(value)
    if kind is float:
        return float(value)
    numpy = sys.modules.get("numpy")  # not loaded in processes that do not need NumPy
    return float(value) if numpy is not None and kind is numpy.float64 else dumps(value)


def pack_returned(value: Any) -> PackedValue:
    """Pack a value that the user's function returned.

    Raises
    ------
    TypeError
        If it cannot be pickled.
    """
    try:
        return pack(value)
    except Exception as error:
        raise TypeError(
            f"The function must return an object that can be pickled, got an object of type {type(value).__name__}. "
            "Return numbers, arrays, or other data that pickle accepts."
        ) from error


def unpack(packed: PackedValue) -> Any:
    """Undo `pack`."""
    return packed if isinstance(packed, float) else pickle.loads(packed)


def dumps_exception(error: BaseException) -> bytes | None:
    """Pickle an exception without its frames; None if it cannot be pickled or exceeds `MAX_EXCEPTION_BYTES`."""
    try:
        if isinstance(error, Infeasible):  # the process that gets it may not know a class of the user's
            error = Infeasible(error.reason)
        data = dumps(BaseException.with_traceback(error, None))
    except BaseException:  # pickling calls user code
        return None
    return data if len(data) <= MAX_EXCEPTION_BYTES else None


def loads_exception(data: bytes | None) -> BaseException | None:
    """Undo `dumps_exception`; return None if there is no exception, or if it cannot be loaded here."""
    with contextlib.suppress(Exception):
        error = None if data is None else guarded(unpack, data)
        if isinstance(error, BaseException):
            return error
    return None


def pack_error(error: BaseException) -> PackedError:
    """Pack an error for a client that waits for a reply. Never raises.

    An error may fail to pickle or to load. It is therefore packed in simpler forms as well: without its cause and
    attributes, and as an `AdaptiveError` with its text.
    """
    makers: tuple[Callable[[BaseException], Any], ...] = (_with_cause, _unchanged, _without_attributes, _as_text)
    forms = []
    for make in makers:
        with contextlib.suppress(Exception):
            forms.append(guarded(_dump, make, error))
    return forms


def unpack_error(packed: PackedError | bytes) -> BaseException:
    """Undo `pack_error` as far as possible. Never raises. Other versions send a single form.

    The error may be raised anywhere, including on an event loop.
    """
    for form in [packed] if isinstance(packed, bytes) else packed:
        with contextlib.suppress(Exception):
            error = guarded(unpack, form)
            if type(error) is _Caused:
                error.error.__cause__ = error.cause
                error = error.error
            if isinstance(error, BaseException):
                return as_exception(error)
    return AdaptiveError("The scheduler replied with an error that cannot be loaded here. See the scheduler's log.")


@dataclass(frozen=True)
class _Caused:
    """An error and its cause, which pickle omits."""

    error: BaseException
    cause: BaseException


def _dump(make: Callable[[BaseException], Any], error: BaseException) -> bytes:
    return dumps(make(error))


def _with_cause(error: BaseException) -> _Caused:
    if error.__cause__ is None:
        raise ValueError("The error has no cause.")
    return _Caused(error, error.__cause__)


def _unchanged(error: BaseException) -> BaseException:
    return error


def _without_attributes(error: BaseException) -> BaseException:
    return type(error)(*(None if isinstance(part, BaseException) else part for part in error.args))


def _as_text(error: BaseException) -> BaseException:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return AdaptiveError(f"The scheduler raised {kind}, which cannot be loaded here:\n\n{format_error(error)}")
