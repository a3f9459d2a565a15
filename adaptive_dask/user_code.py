"""Exceptions of user code affect only their own run, even `SystemExit`. Only Ctrl-C affects the whole program.

User code is all code that a run calls outside of this package: learners, losses, goals, callbacks, and the pickling and
unpickling of their objects. Raised on an event loop or in a thread that others depend on, `SystemExit`,
`KeyboardInterrupt`, `GeneratorExit` and `CancelledError` would end much more than that run.
"""

from __future__ import annotations

import concurrent.futures
import inspect
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from adaptive_dask.errors import LearnerError
from adaptive_dask.plain import safe_repr

P = ParamSpec("P")
T = TypeVar("T")

# Exceptions with a special meaning for generators, futures and event loops.
_RESERVED = (StopIteration, StopAsyncIteration, concurrent.futures.CancelledError)


def is_coroutine_function(function: Any) -> bool:
    """Return True for an ``async def`` function, or an object with such a ``__call__``."""
    return inspect.iscoroutinefunction(function) or (
        callable(function) and inspect.iscoroutinefunction(function.__call__)
    )


def require_plain_function(name: str, function: Any, reason: str) -> None:
    """Raise a `TypeError` for an ``async def`` function: its calls would do nothing, because nothing awaits them."""
    if is_coroutine_function(function):
        raise TypeError(f"{name} must be a plain function, got {function!r}, which is `async def`. {reason}")


def is_interrupt(error: BaseException) -> bool:
    """Return whether an error is Ctrl-C, which Python raises only in the main thread."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def reraise_interrupt(error: BaseException) -> None:
    """Raise an error again if it is Ctrl-C."""
    if is_interrupt(error):
        raise error


def as_exception(error: BaseException) -> Exception:
    """Return an error that ends only its call: the error itself, or a `LearnerError` with it as the cause."""
    if isinstance(error, Exception) and not isinstance(error, _RESERVED):
        return error
    return LearnerError(f"Code of the run raised {safe_repr(error)}.").caused_by(error)


def guarded(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call user code.

    Raises
    ------
    Exception
        An exception of the user code, converted by `as_exception`.
    KeyboardInterrupt
        Ctrl-C.
    """
    try:
        return call(*args, **kwargs)
    except BaseException as error:
        reraise_interrupt(error)
        exception = as_exception(error)
        if exception is error:
            raise
        raise exception from exception.__cause__
