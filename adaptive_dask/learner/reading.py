"""The lock for learners that runs update, so that other threads can read several attributes in one state."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from adaptive_dask.learner.any_learner import children_of, wrapped_by
from adaptive_dask.learner.base_learner import BaseLearner

# One lock for all learners: with one for each, callbacks of two runs that read both learners would wait for each other.
UPDATING = threading.RLock()
# A forked process has no thread that would release it.
os.register_at_fork(after_in_child=UPDATING._at_fork_reinit)  # type: ignore[attr-defined]

# How long a reader waits (seconds): the lock is held during callbacks, and these may wait for the reader.
PATIENCE_S = 1.0

_updated: WeakSet[Any] = WeakSet()


def note_updated(learner: Any) -> None:
    """Note that a run updates a learner, its wrapped learner and its children, in a thread that holds `UPDATING`.

    Learners that are not hashable, or are not those of this package, are read without the lock.
    """
    if not isinstance(learner, BaseLearner):
        return
    try:
        _updated.add(learner)
    except TypeError:
        return
    inside = wrapped_by(learner)
    for each in (*(children_of(learner) or ()), *(() if inside is None else (inside,))):
        note_updated(each)


@contextmanager
def reading(learner: Any, *, load_extra: bool = False) -> Iterator[None]:
    """Return a context in which no run updates a learner, unless this would take longer than a second.

    Parameters
    ----------
    learner : BaseLearner
    load_extra : bool, default: False
        True if remote results are loaded in the context. Then there is no lock, because the thread that loads them may
        wait for it.
    """
    is_locked = not load_extra and _is_updated(learner) and UPDATING.acquire(timeout=PATIENCE_S)
    try:
        yield
    finally:
        if is_locked:
            UPDATING.release()


def _is_updated(learner: Any) -> bool:
    try:
        return learner in _updated
    except TypeError:
        return False
