"""Errors on their way to a client, which may not be able to load everything that was raised."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adaptive_dask.cluster.protocol import dumps, unpack
from adaptive_dask.errors import AdaptiveError
from adaptive_dask.run.tracebacks import format_error
from adaptive_dask.user_code import as_exception, guarded

PackedError = Sequence[bytes]
"""An error in several forms, the fullest first: who receives it takes the first that can be loaded there."""


def pack_error(error: BaseException) -> PackedError:
    """Pack an error; raises nothing, whatever the error is made of.

    It may hold what cannot be pickled, or take other arguments than it keeps, which only shows when it is loaded. So
    it goes along without its causes and attributes as well, and as an `AdaptiveError` of what it says.
    """
    makers: tuple[Callable[[BaseException], Any], ...] = (_with_cause, _as_it_is, _without_the_rest, _as_text)
    forms = []
    for make in makers:
        with contextlib.suppress(Exception):
            forms.append(guarded(_dump, make, error))
    return forms


def _dump(make: Callable[[BaseException], Any], error: BaseException) -> bytes:
    return dumps(make(error))


def unpack_error(packed: PackedError | bytes) -> BaseException:
    """Undo `pack_error`, as far as that is possible here; raises nothing. Other versions send one form only.

    What comes can be raised anywhere, on an event loop too.
    """
    for form in [packed] if isinstance(packed, bytes) else packed:
        with contextlib.suppress(Exception):
            error = guarded(unpack, form)
            if type(error) is _Caused:
                error.error.__cause__ = error.cause
                error = error.error
            if isinstance(error, BaseException):
                return as_exception(error)
    return AdaptiveError("The scheduler answered with an error that cannot be loaded here; its log may say more.")


@dataclass(frozen=True)
class _Caused:
    """An error and its cause, which pickle leaves out."""

    error: BaseException
    cause: BaseException


def _with_cause(error: BaseException) -> _Caused:
    if error.__cause__ is None:
        raise ValueError("The error has no cause.")
    return _Caused(error, error.__cause__)


def _as_it_is(error: BaseException) -> BaseException:
    return error


def _without_the_rest(error: BaseException) -> BaseException:
    return type(error)(*(None if isinstance(part, BaseException) else part for part in error.args))


def _as_text(error: BaseException) -> BaseException:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return AdaptiveError(f"{kind} was raised, which cannot be loaded here:\n\n{format_error(error)}")
