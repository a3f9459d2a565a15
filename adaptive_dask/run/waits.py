"""Marks threads that wait for a run, because the run may need a thread of the worker that they hold."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_depths: dict[int, int] = {}  # by thread; each thread changes its own entry only


@contextmanager
def waiting_for_run() -> Iterator[None]:
    """Mark the current thread while it waits for a run that is evaluated elsewhere; may be nested."""
    thread = threading.get_ident()
    depth = _depths.get(thread, 0)
    try:
        _depths[thread] = depth + 1
        yield
    finally:
        if depth:
            _depths[thread] = depth
        else:
            _depths.pop(thread, None)


def waits_for_run(thread: threading.Thread) -> bool:
    """Return True if a thread is inside `waiting_for_run`."""
    return thread.ident in _depths
