"""Learners of classes that users derive from those of this package, copied and pickled with their added attributes.

Derived classes may have a constructor with other arguments, or a `tell` with side effects. As in Python's pickling, a
copy calls neither: it is created as a learner of this package, and then gets the class and the attributes.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from adaptive_dask.learner.checked import paired
from adaptive_dask.learner.losses.tagged import tagged

_OWN_MODULES = "adaptive_dask.learner."
ATTRIBUTES = "attributes of the subclass"
_NOT_COPIED = {"fname"}


def base_of(kind: type) -> type | None:
    """Return the learner of this package from which a user's class is derived; None for any other class."""
    if kind.__module__.startswith(_OWN_MODULES):
        return None
    base = next((each for each in kind.__mro__ if each.__module__.startswith(_OWN_MODULES)), None)
    # A class derived from the protocol alone has no known state.
    return None if base is None or getattr(base, "__abstractmethods__", None) else base


@contextmanager
def as_base(learner: Any) -> Iterator[None]:
    """Replace the class of a learner by its base of this package in a block, to bypass overridden methods."""
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
    """Return the attributes that a user's class adds to its learner."""
    base = base_of(type(learner))
    if base is None:
        return {}
    known = vars(_plain_new(learner, base)).keys() | _NOT_COPIED
    return {name: value for name, value in vars(learner).items() if name not in known}


def travels(kind: type) -> None:
    """Prepare the copies of a learner of this package for derived classes."""
    for name, wrap in (("new", _new), ("__getstate__", _getstate), ("__setstate__", _setstate)):
        if name in vars(kind):
            setattr(kind, name, wrap(vars(kind)[name]))


def goes_through_overrides(kind: type) -> None:
    """Let `tell_many` and `ask` of a user's class call the `tell` and the `tell_pending` that it overrides.

    The learners of this package add many points together, without a call for each.
    """
    if base_of(kind) is None:
        return
    order = {name: i for i, each in reversed(list(enumerate(kind.__mro__))) for name in vars(each)}
    for one, many, wrap in (("tell", "tell_many", _one_by_one), ("tell_pending", "ask", _noting)):
        if order[one] < order[many]:
            setattr(kind, many, wrap(getattr(kind, many)))


def takes_batches(learner: Any) -> bool:
    """Return True if `tell_many` of a learner, which may have none, is more than repeated calls of `tell`."""
    tell_many = getattr(type(learner), "tell_many", None)
    return callable(tell_many) and not getattr(tell_many, "is_one_by_one", False)


def _one_by_one(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def tell_many(self: Any, xs: Iterable[Any], ys: Iterable[Any], **options: Any) -> None:
        for x, y in paired(xs, ys):
            self.tell(x, y)
        if options:
            original(self, [], [], **options)

    return tagged(tell_many, is_one_by_one=True)


def _noting(original: Callable[..., Any]) -> Callable[..., Any]:
    if getattr(original, "is_noting", False):  # of an intermediate class
        return original

    @functools.wraps(original)
    def ask(self: Any, n: int, tell_pending: bool = True) -> Any:
        points, improvements = original(self, n, tell_pending)
        if tell_pending:
            for x in points:
                self.tell_pending(x)  # pending already, so only additions of the class have an effect
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
