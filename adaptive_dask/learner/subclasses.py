"""Learners of classes that users derive from this package's: copied and pickled with the attributes that those added.

A class of a user's may have a constructor with other arguments, and a `tell` that notes something. As when Python
pickles objects, neither is called where a copy is made: the copy is made as one of this package's learner, and then
gets the class and the attributes.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from adaptive_dask.learner.losses.tagged import tagged

_OWN_MODULES = "adaptive_dask.learner."
ATTRIBUTES = "attributes of the subclass"
_NOT_COPIED = {"fname"}


def base_of(kind: type) -> type | None:
    """The learner of this package that a user's class is derived from; None for any other class."""
    if kind.__module__.startswith(_OWN_MODULES):
        return None
    base = next((each for each in kind.__mro__ if each.__module__.startswith(_OWN_MODULES)), None)
    # Of the protocol alone there is no state to know of.
    return None if base is None or getattr(base, "__abstractmethods__", None) else base


@contextmanager
def as_base(learner: Any) -> Iterator[None]:
    """Give a learner the class of this package meanwhile, so that overridden methods are not called."""
    kind = type(learner)
    base = base_of(kind)
    if base is None:
        yield
        return
    learner.__class__ = base
    try:
        yield
    finally:
        learner.__class__ = kind


def added_attributes(learner: Any) -> dict[str, Any]:
    """The attributes that a user's class adds to its learner."""
    base = base_of(type(learner))
    if base is None:
        return {}
    known = vars(_plain_new(learner, base)).keys() | _NOT_COPIED
    return {name: value for name, value in vars(learner).items() if name not in known}


def travels(kind: type) -> None:
    """Make the copies of a learner of this package fit for derived classes."""
    for name, wrap in (("new", _new), ("__getstate__", _getstate), ("__setstate__", _setstate)):
        if name in vars(kind):
            setattr(kind, name, wrap(vars(kind)[name]))


def goes_through_overrides(kind: type) -> None:
    """Let `tell_many` and `ask` of a user's class call the `tell` and the `tell_pending` that it overrides.

    The learners of this package place many points at once, without a call for each.
    """
    if base_of(kind) is None:
        return
    order = {name: i for i, each in reversed(list(enumerate(kind.__mro__))) for name in vars(each)}
    for one, many, wrap in (("tell", "tell_many", _one_by_one), ("tell_pending", "ask", _noting)):
        if order[one] < order[many]:
            setattr(kind, many, wrap(getattr(kind, many)))


def takes_batches(learner: Any) -> bool:
    """Whether `tell_many` of a learner is more than calls of `tell`. The learner may be any object, also without it."""
    tell_many = getattr(type(learner), "tell_many", None)
    return callable(tell_many) and not getattr(tell_many, "is_one_by_one", False)


def _one_by_one(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def tell_many(self: Any, xs: Iterable[Any], ys: Iterable[Any], **options: Any) -> None:
        for x, y in zip(xs, ys, strict=True):
            self.tell(x, y)
        if options:
            original(self, [], [], **options)

    return tagged(tell_many, is_one_by_one=True)


def _noting(original: Callable[..., Any]) -> Callable[..., Any]:
    if getattr(original, "is_noting", False):  # of a class between
        return original

    @functools.wraps(original)
    def ask(self: Any, n: int, tell_pending: bool = True) -> Any:
        points, improvements = original(self, n, tell_pending)
        if tell_pending:
            for x in points:
                self.tell_pending(x)  # pending already: only what the class adds has an effect
        return points, improvements

    return tagged(ask, is_noting=True)


def _plain_new(learner: Any, base: Any) -> Any:
    view = object.__new__(base)
    view.__dict__ = learner.__dict__
    return base.new(view)


def _new(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def new(self: Any) -> Any:
        base = base_of(type(self))
        if base is None:
            return original(self)
        learner = _plain_new(self, base)
        added = {name: value for name, value in vars(self).items() if name not in vars(learner).keys() | _NOT_COPIED}
        learner.__class__ = type(self)
        learner.__dict__.update({name: _copied(value) for name, value in added.items()})
        return learner

    return new


def _getstate(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __getstate__(self: Any) -> Any:
        state, added = original(self), added_attributes(self)
        return {**state, ATTRIBUTES: added} if added else state

    return __getstate__


def _setstate(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def __setstate__(self: Any, state: Any) -> None:
        with as_base(self):
            original(self, state)
        self.__dict__.update(state.get(ATTRIBUTES, {}))

    return __setstate__


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # a lock or a file is shared
        return value
