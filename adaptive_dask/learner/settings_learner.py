"""SettingsLearner: a learner whose copies and pickles consist of its function, settings and data; and its axes."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, Self

from adaptive_dask.learner import subclasses
from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.function_pickle import ByValue, KeptByValue
from adaptive_dask.learner.told_data import Data

_NO_SETTINGS = {"function", "settings", "adjustments", "data", "recompute_factor", subclasses.ATTRIBUTES}


def wrapped(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings for a state. A loss is needed in every process, unlike the learner's function."""
    return {name: KeptByValue(each) if callable(each) else each for name, each in settings.items()}


def unwrapped(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `wrapped`, also in a state that was not pickled."""
    return {name: each.function if isinstance(each, KeptByValue) else each for name, each in settings.items()}


class SettingsLearner(BaseLearner):
    """A learner whose constructor takes the function and `_settings`, with its results in ``_data``.

    Its axes may have only whole numbers, or be periodic.
    """

    data = Data()
    _data: Mapping[Any, Any]
    _is_whole: tuple[bool, ...] = ()
    _is_periodic: tuple[bool, ...] = ()

    @property
    def _whole(self) -> tuple[bool, ...]:
        """The axes along which all points and bounds are whole numbers; empty if there are none."""
        return self._is_whole

    @_whole.setter
    def _whole(self, whole: tuple[bool, ...]) -> None:
        self._is_whole = whole
        self._setting_changed("_whole")

    @property
    def _periodic(self) -> tuple[bool, ...]:
        """The axes along which the function is periodic; empty if there are none."""
        return self._is_periodic

    @_periodic.setter
    def _periodic(self, periodic: tuple[bool, ...]) -> None:
        self._is_periodic = periodic
        self._setting_changed("_periodic")

    def _setting_changed(self, name: str) -> None:
        """Apply a new value of a setting. Settings that are read when they are needed require nothing."""

    @abc.abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return the arguments of the constructor besides the function."""

    @abc.abstractmethod
    def _start_over(self) -> None:
        """Forget all results and pending points."""

    def _adjustments(self) -> dict[str, Any]:
        """Return attributes that can be set after construction, and that are copied."""
        kinds = {"_whole": self._whole, "_periodic": self._periodic}
        return {name: value for name, value in kinds.items() if value}

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return len(self._data)

    def new(self) -> Self:
        """Make a learner with the same function and settings and no data."""
        learner: Self = type(self)(self.function, **self._settings())
        learner._adjust(self.function, self._adjustments())
        return learner

    def _adjust(self, function: Callable[..., Any], adjustments: Mapping[str, Any]) -> None:
        self.function = function  # some constructors wrap their function
        for name, value in adjustments.items():
            setattr(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "function": ByValue(self.function),
            "settings": wrapped(self._settings()),
            "adjustments": self._adjustments(),
            "data": self._get_data(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        settings = state.get("settings", {})
        if "adjustments" not in state:  # until 0.1, settings were part of the rest of the state
            settings = {**{name: each for name, each in state.items() if name not in _NO_SETTINGS}, **settings}
        # mypy reports that derived classes may take other arguments; here none does.
        self.__init__(state["function"], **unwrapped(settings))  # type: ignore[misc]
        self._adjust(state["function"], state.get("adjustments", {}))
        self._set_data(state["data"])
