"""Points at which the function has no value, and the reasons."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.checked import checked_fraction
from adaptive_dask.learner.settings import Setting
from adaptive_dask.learner.settings_learner import SettingsLearner
from adaptive_dask.learner.told_data import ToldData

# The reason for NaN, if it counts as infeasible.
NAN_REASON = "returned NaN"  # the word alone would be an empty cell in a text file


# If this number of points in a row is infeasible, and no other points are known, a learner raises an error.
MOST_BARRED = 20_000


def _checked_feasible(value: Any, name: str) -> Any:
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function of a point that returns True or False, got {value!r}.")
    return value


def _checked_answer(found: Any) -> bool:
    """Return what ``feasible`` returned as a bool.

    Raises
    ------
    TypeError
        If it is not a bool, 0, 1, or an array of one of these: a string, NaN and None would count as true or false.
    """
    answer = np.asarray(found)
    if answer.size != 1 or answer.dtype.kind not in "biu":
        raise TypeError(f"feasible must return True or False, got {found!r}.")
    return bool(answer.reshape(-1)[0])


def _checked_nan(value: Any, name: str) -> Any:
    if value not in (None, "infeasible"):
        raise ValueError(f'{name} must be None or "infeasible", got {value!r}.')
    return value


class ReasonsLearner(SettingsLearner):
    """A learner that can be told `Infeasible` where its function has no value.

    At such points, ``data`` has NaN in the shape of the other values. A value told for the same point takes precedence,
    regardless of the order. The learner calls `_forget_reasons` in its ``_start_over``.
    """

    _infeasible: ToldData[Any, str]

    def _forget_reasons(self) -> None:
        self._infeasible = ToldData()

    def _takes_infeasible(self, point: Any) -> bool:
        return True

    @property
    def infeasible(self) -> Mapping[Any, str]:
        """The points without a value, as in ``data``, with the reasons."""
        return self._infeasible

    def forget_failures(self) -> None:
        """Forget the points without a value, so that they can be proposed again."""
        self._forget_points(self._infeasible)

    def _forget_points(self, points: Iterable[Any]) -> None:
        gone = self._infeasible.keys() & set(points)
        if not gone:
            return
        reasons = {x: reason for x, reason in self._infeasible.items() if x not in gone}
        self.data = {x: Infeasible(reasons[x]) if x in reasons else y for x, y in self.data.items() if x not in gone}

    def _get_data(self) -> Any:
        """Return the data as they were told, with `Infeasible` at points without a value."""
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
        """Return the feasibility, from 0 to 1, at points of shape (n,) or (n, d); shape (n,).

        The result is that of ``interpolator().feasibility(x)``, which is faster for several calls.
        """
        learner: Any = self
        return learner.interpolator().feasibility(x)

    @abc.abstractmethod
    def _barred_points(self) -> list[Any]:
        """Return the points that were skipped because `feasible` is false there; they have no data."""

    def _is_barred(self, point: Any) -> bool:
        """Return True if `feasible` is false at a point."""
        if self._feasible is None:
            return False
        found = self._feasible(point)
        return not (found if type(found) is bool else _checked_answer(found))

    def _check_barred(self, count: int) -> bool:
        """Return True if another point may be tried after `count` points where `feasible` is false.

        Raises
        ------
        ValueError
            If no point seems to be feasible.
        """
        if count < MOST_BARRED:
            return True
        if len(self._infeasible) == len(self.data):
            self._complain_of_barred(count)
        return False

    def _complain_of_barred(self, count: int) -> NoReturn:
        raise ValueError(f"feasible must be true somewhere between the bounds, got False at {count:,} points.")

    def _no_value(self) -> Any:
        """Return the entry of ``data`` at a point without a value."""
        return np.full(self._shape, math.nan) if self._shape else math.nan

    def _has_no_value(self, y: Any) -> bool:
        return self._nan is not None and bool(np.isnan(y).any())


def barred_points(learner: Any) -> list[Any]:
    """Return the points that a learner skipped because its ``feasible`` is false there."""
    return learner._barred_points() if isinstance(learner, RegionLearner) else []
