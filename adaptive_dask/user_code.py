"""What user code raises concerns its run alone, even `SystemExit`; only Ctrl-C concerns the whole program.

User code is whatever a run calls that does not belong to this package: learners, losses, goals, callbacks, and all
that is pickled and unpickled. Raised on an event loop or in a thread that others depend on, `SystemExit`,
`KeyboardInterrupt`, `GeneratorExit` and `CancelledError` would end much more than that run.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from adaptive_dask.errors import LearnerError
from adaptive_dask.plain import safe_repr

P = ParamSpec("P")
T = TypeVar("T")

# Exceptions that generators, futures and event loops take for their own.
_RESERVED = (StopIteration, StopAsyncIteration, concurrent.futures.CancelledError)


def is_interrupt(error: BaseException) -> bool:
    """Whether an error that is being handled is Ctrl-C, which Python raises in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def reraise_interrupt(error: BaseException) -> None:
    """Raise an error again if it is Ctrl-C."""
    if is_interrupt(error):
        raise error


def as_exception(error: BaseException) -> Exception:
    """An error that ends nothing but the call that raises it: itself, or a `LearnerError` with it as the cause."""
    if isinstance(error, Exception) and not isinstance(error, _RESERVED):
        return error
    return LearnerError(f"Code of the run raised {safe_repr(error)}.").caused_by(error)


def guarded(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call user code.

    Raises
    ------
    Exception
        Whatever it raises, through `as_exception`.
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
