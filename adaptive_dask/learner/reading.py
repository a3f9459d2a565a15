"""Locks of learners that a thread of a run updates, so that other threads can read several attributes in one state."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from adaptive_dask.learner.any_learner import children_of, wrapped_by
from adaptive_dask.learner.base_learner import BaseLearner

Lock = AbstractContextManager[Any]

_locks: WeakKeyDictionary[Any, Lock] = WeakKeyDictionary()


def share_lock(learner: Any, lock: Lock) -> None:
    """Let readers of a learner, of its wrapped learner and of its children acquire a lock.

    Learners that are not hashable, or are not those of this package, are read without a lock.
    """
    if not isinstance(learner, BaseLearner):
        return
    try:
        _locks[learner] = lock
    except TypeError:
        return
    inside = wrapped_by(learner)
    for each in (*(children_of(learner) or ()), *(() if inside is None else (inside,))):
        share_lock(each, lock)


def reading(learner: Any, *, load_extra: bool = False) -> Lock:
    """Return a context in which no run updates a learner.

    Parameters
    ----------
    learner : BaseLearner
    load_extra : bool, default: False
        True if remote results are loaded in the context. Then there is no lock, because the thread that loads them may
        wait for it.
    """
    try:
        return nullcontext() if load_extra else _locks.get(learner) or nullcontext()
    except TypeError:
        return nullcontext()
