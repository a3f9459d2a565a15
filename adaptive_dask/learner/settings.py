"""Settings of learners that may be assigned at any time: each takes effect at once, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any

_NEVER_SET = object()


class Setting:
    """An attribute that is checked when it is set; its learner is told when it changes.

    The value is in ``_name``, for code that reads it often. Once the learner has ``_data``, its method
    ``_setting_changed(name)`` is called after a change; what that raises undoes the change.

    Parameters
    ----------
    check : callable
        Takes the value and the name; returns the value to keep, or raises.
    key : str, optional
        Where the value is, if not in ``_name``.
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
        # A subclass may set it before the constructor here does.
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
    """An attribute of a learner itself; a DataSaver gives those of the learner inside as well.

    Not by `vars`: an object whose __dict__ was looked at once has slower attributes.
    """
    try:
        return object.__getattribute__(learner, key)
    except AttributeError:
        return _NEVER_SET


def function_or_default(default: Callable[..., Any]) -> Callable[[Any, str], Callable[..., Any]]:
    """A check for functions, which None leaves at a default."""

    def check(value: Any, name: str) -> Callable[..., Any]:
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be a function, got {value!r}.")
        chosen: Callable[..., Any] = default if value is None else value
        return chosen

    return check


def _same(old: Any, new: Any) -> bool:
    """Whether two settings are equal; sequences of any kind are if their elements are."""
    if old is new:
        return True
    try:
        are_sequences = isinstance(old, Sized) and isinstance(new, Sized) and not isinstance(old, str)
        if are_sequences:
            return len(old) == len(new) and all(map(_same, old, new))
        return bool(old == new)
    except Exception:  # of objects that cannot be compared
        return False
