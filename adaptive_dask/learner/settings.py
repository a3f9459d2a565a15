"""Settings of learners, which can be assigned at any time and take effect at once."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any

_NEVER_SET = object()


class Setting:
    """An attribute that is checked when it is set, and notifies its learner of changes.

    The value is in ``_name``, for code that reads it often. Once the learner has ``_data``, its method
    ``_setting_changed(name)`` is called after a change. If it raises an error, the change is undone.

    Parameters
    ----------
    check : callable
        Takes the value and the name; returns the value to store, or raises an error.
    key : str, optional
        The attribute with the value, if not ``_name``.
    """

    def __init__(self, check: Callable[[Any, str], Any], key: str = "") -> None:
        self._check = check
        self._key = key

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._key = name, self._key or f"_{name}"

    def __get__(self, learner: Any, kind: type) -> Any:
        if learner is None:
            return self
        value = _own(learner, self._key)
        if value is _NEVER_SET:
            raise AttributeError(f"{self._name} is not set yet: call super().__init__ first.")
        return value

    def __set__(self, learner: Any, value: Any) -> None:
        checked = self._check(value, self._name)
        before = _own(learner, self._key)
        setattr(learner, self._key, checked)
        # A subclass may set it before calling this constructor.
        if before is _NEVER_SET or before is checked or _own(learner, "_data") is _NEVER_SET:
            return
        try:
            learner._setting_changed(self._name)
        except BaseException:
            setattr(learner, self._key, before)
            raise


class Fixed(Setting):
    """An attribute that can be set once.

    Parameters
    ----------
    check, key : optional
        As in `Setting`.
    """

    def __init__(self, check: Callable[[Any, str], Any] = lambda value, name: value, key: str = "") -> None:
        super().__init__(check, key)

    def __set__(self, learner: Any, value: Any) -> None:
        before = _own(learner, self._key)
        if before is _NEVER_SET:
            super().__set__(learner, value)
        elif not _same(before, value):
            raise AttributeError(
                f"{self._name} of a {type(learner).__name__} cannot be changed. Make another learner with it, and "
                "give that the data: other.copy_from(learner)."
            )


def _own(learner: Any, key: str) -> Any:
    """Return an attribute of the learner itself; a DataSaver also has those of the learner that it wraps.

    `vars` is not used, because attribute access becomes slower once an object's __dict__ has been created.
    """
    try:
        return object.__getattribute__(learner, key)
    except AttributeError:
        return _NEVER_SET


def function_or_default(default: Callable[..., Any]) -> Callable[[Any, str], Callable[..., Any]]:
    """Return a check for functions that replaces None by a default."""

    def check(value: Any, name: str) -> Callable[..., Any]:
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be a function, got {value!r}.")
        chosen: Callable[..., Any] = default if value is None else value
        return chosen

    return check


def _same(old: Any, new: Any) -> bool:
    """Return True if two settings are equal; sequences of any type are equal if their elements are."""
    if old is new:
        return True
    try:
        are_sequences = isinstance(old, Sized) and isinstance(new, Sized) and not isinstance(old, str)
        if are_sequences:
            return len(old) == len(new) and all(map(_same, old, new))
        return bool(old == new)
    except Exception:  # objects that cannot be compared
        return False
