"""How an evaluation says that it can be ended from another thread, and where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Takes what ends the evaluation, or None if it cannot be ended any more, and a description of where it is.
SetCancel = Callable[[Callable[[], None] | None, str], None]

_set_cancel: ContextVar[SetCancel | None] = ContextVar("how the evaluation of this context can be ended", default=None)


def begin(set_cancel: SetCancel | None) -> None:
    """An evaluation begins in this context."""
    _set_cancel.set(set_cancel)


@contextmanager
def ended_by(cancel: Callable[[], None], where: str) -> Iterator[None]:
    """Meanwhile, the evaluation of this context can be ended by this call, which any thread may make.

    Parameters
    ----------
    cancel : callable
        Returns at once, and can be called more than once.
    where : str
        A description for a `PointTimeoutError`.
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
