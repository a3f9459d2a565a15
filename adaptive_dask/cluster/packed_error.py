"""Errors on their way to a client, which may not be able to load everything that was raised."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from adaptive_dask.cluster.protocol import dumps, unpack
from adaptive_dask.errors import AdaptiveError
from adaptive_dask.tracebacks import format_error

PackedError = Sequence[bytes]
"""An error in several forms, the fullest first: who receives it takes the first that can be loaded there."""


def pack_error(error: BaseException) -> PackedError:
    """Pack an error; raises nothing, whatever the error is made of.

    It may hold what cannot be pickled, or take other arguments than it keeps, which only shows when it is loaded. So
    it goes along without its causes and attributes as well, and as an `AdaptiveError` of what it says.
    """
    forms = []
    for make in (_as_it_is, _without_the_rest, _as_text):
        with contextlib.suppress(Exception):
            forms.append(dumps(make(error)))
    return forms


def unpack_error(packed: PackedError | bytes) -> BaseException:
    """Undo `pack_error`, as far as that is possible here; raises nothing. Other versions send one form only."""
    for form in [packed] if isinstance(packed, bytes) else packed:
        with contextlib.suppress(Exception):
            error = unpack(form)
            if isinstance(error, BaseException):
                return error
    return AdaptiveError("The scheduler answered with an error that cannot be loaded here; its log may say more.")


def _as_it_is(error: BaseException) -> BaseException:
    return error


def _without_the_rest(error: BaseException) -> BaseException:
    return type(error)(*(None if isinstance(part, BaseException) else part for part in error.args))


def _as_text(error: BaseException) -> BaseException:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    text = format_error(error)  # which takes also what cannot be printed
    return AdaptiveError(f"{kind} was raised, which cannot be loaded here:\n\n{text}")
