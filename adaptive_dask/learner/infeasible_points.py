"""Points at which the function has no value, and why."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.checked import checked_fraction
from adaptive_dask.learner.settings import Setting
from adaptive_dask.learner.settings_learner import SettingsLearner
from adaptive_dask.learner.told_data import ToldData

# What a NaN is called, if it is taken as infeasible.
NAN_REASON = "NaN"


# If so many points in a row are not feasible, and none was before, a learner gives up.
MOST_BARRED = 20_000


def _checked_feasible(value: Any, name: str) -> Any:
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function of a point that returns True or False, got {value!r}.")
    return value


def _checked_nan(value: Any, name: str) -> Any:
    if value not in (None, "infeasible"):
        raise ValueError(f'{name} must be None or "infeasible", got {value!r}.')
    return value


class ReasonsLearner(SettingsLearner):
    """A learner that is told `Infeasible` where its function has no value.

    There, ``data`` has NaN in the shape of the other values. A value that is told later at such a point replaces it, in
    whichever order the two come. The learner calls `_forget_reasons` in its ``_start_over``.
    """

    _infeasible: ToldData[Any, str]

    def _forget_reasons(self) -> None:
        self._infeasible = ToldData()

    def _takes_infeasible(self, point: Any) -> bool:
        return True

    @property
    def infeasible(self) -> Mapping[Any, str]:
        """The points without a value, as ``data`` has them, each with the reason."""
        return self._infeasible

    def forget_failures(self) -> None:
        """Forget the points without a value, so that they may be asked for again."""
        self._forget_points(self._infeasible)

    def _forget_points(self, points: Iterable[Any]) -> None:
        gone = self._infeasible.keys() & set(points)
        if not gone:
            return
        reasons = {x: reason for x, reason in self._infeasible.items() if x not in gone}
        self.data = {x: Infeasible(reasons[x]) if x in reasons else y for x, y in self.data.items() if x not in gone}

    def _get_data(self) -> Any:
        """The data as they are told, with an `Infeasible` at each point without a value."""
        data = super()._get_data()
        for x, reason in self._infeasible.items():
            data[x] = Infeasible(reason)
        return data


class RegionLearner(ReasonsLearner):
    """A learner that resolves the border of the region without values."""

    feasibility_tol = Setting(lambda value, name: checked_fraction(value, name, one_allowed=True))
    nan = Setting(_checked_nan)
    feasible = Setting(_checked_feasible)

    _shape: tuple[int, ...] | None
    _feasibility_tol: float
    _nan: str | None
    _feasible: Callable[[Any], Any] | None

    def _feasibility_settings(self) -> dict[str, Any]:
        return {"feasibility_tol": self.feasibility_tol, "nan": self.nan, "feasible": self.feasible}

    def feasibility(self, x: Any) -> Any:
        """Whether the function has a value at points of shape (n,), or (n, d), from 0 to 1; shape (n,).

        The same as ``interpolator().feasibility(x)``, which is faster if it is called several times.
        """
        learner: Any = self
        return learner.interpolator().feasibility(x)

    @abc.abstractmethod
    def _barred_points(self) -> list[Any]:
        """Return the points that were passed over because they are barred; they have no data."""

    def _is_barred(self, point: Any) -> bool:
        """Whether it is known beforehand that the function has no value at a point."""
        return self._feasible is not None and not self._feasible(point)

    def _check_barred(self, count: int) -> bool:
        """Whether to look for another point, after `count` points that are barred.

        Raises
        ------
        ValueError
            If none seems to be feasible.
        """
        if count < MOST_BARRED:
            return True
        if len(self._infeasible) == len(self.data):
            raise ValueError(f"feasible must be true somewhere between the bounds, got False at {count:,} points.")
        return False

    def _no_value(self) -> Any:
        """What ``data`` has at a point without a value."""
        return np.full(self._shape, math.nan) if self._shape else math.nan

    def _has_no_value(self, y: Any) -> bool:
        return self._nan is not None and bool(np.isnan(y).any())


def barred_points(learner: Any) -> list[Any]:
    """Return the points that a learner passed over because its ``feasible`` is false there."""
    return learner._barred_points() if isinstance(learner, RegionLearner) else []
