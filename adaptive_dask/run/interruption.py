"""Interruption of evaluations: an evaluation registers a call that ends it, and its location."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Called with a function that ends the evaluation, or None if it cannot be ended any more, and a description.
SetCancel = Callable[[Callable[[], None] | None, str], None]

_set_cancel: ContextVar[SetCancel | None] = ContextVar("how the evaluation of this context can be ended", default=None)


def begin(set_cancel: SetCancel | None) -> None:
    """Begin an evaluation in this context."""
    _set_cancel.set(set_cancel)


@contextmanager
def ended_by(cancel: Callable[[], None], where: str) -> Iterator[None]:
    """Let any thread end the evaluation of this context by a call of `cancel`.

    Parameters
    ----------
    cancel : callable
        Must return at once, and may be called more than once.
    where : str
        A description of the location, for a `PointTimeoutError`.
    """
    set_cancel = _set_cancel.get()
    if set_cancel is None:
        yield
        return
    set_cancel(cancel, where)
    try:
        yield
    finally:
        set_cancel(None, "")
