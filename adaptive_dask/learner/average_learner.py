"""AverageLearner: the mean of a random function, to a tolerance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.averaging.moments import Moments
from adaptive_dask.learner.checked import (
    as_real,
    checked_count,
    checked_number,
    checked_numbers,
    checked_seed,
    checked_seeds,
    checked_size,
)
from adaptive_dask.learner.settings import Setting
from adaptive_dask.learner.settings_learner import SettingsLearner
from adaptive_dask.learner.told_data import ToldData

__all__ = ["AverageLearner"]


class AverageLearner(SettingsLearner):
    """Averages a random function until the standard error of the mean is within a tolerance.

    Parameters
    ----------
    function : callable
        Takes an integer, which is the source of randomness (a seed), and returns a real number.
    atol : float, optional
        The absolute tolerance.
    rtol : float, optional
        The relative tolerance. At least one of the two must be given.
    min_npoints : int, default: 2
        The minimum number of points for an error estimate; at least 2.

    Attributes
    ----------
    data : dict, int → float
        The evaluated seeds and their values, in the order in which they were told.
    pending_points : set of int

    Raises
    ------
    TypeError, ValueError
        If no tolerance is given, or one is not a positive number.

    Notes
    -----
    The mean does not depend on the order of the results, including its last digit. If a value is NaN or infinite, the
    mean and the error are not finite, and the loss is infinite.
    """

    atol = Setting(lambda value, name: _checked_tolerance(value, name))
    rtol = Setting(lambda value, name: _checked_tolerance(value, name))
    min_npoints = Setting(lambda value, name: max(checked_count(value, name), 2))

    pending_points: set[int]
    _atol: float
    _rtol: float
    _min_npoints: int

    def __init__(
        self,
        function: Callable[[int], float],
        atol: float | None = None,
        rtol: float | None = None,
        min_npoints: int = 2,
    ) -> None:
        self.function = function
        self.atol, self.rtol = atol, rtol
        self.min_npoints = min_npoints
        self._setting_changed("atol")
        self._start_over()

    def _setting_changed(self, name: str) -> None:
        if self._atol == self._rtol == math.inf:
            raise ValueError("At least one of atol and rtol must be given.")
        self._n_of_loss = -1

    def _settings(self) -> dict[str, Any]:
        return {"atol": self.atol, "rtol": self.rtol, "min_npoints": self._min_npoints}

    def _start_over(self) -> None:
        self._data: ToldData[int, float] = ToldData()
        self.pending_points = set()
        self._n_of_loss, self._loss = -1, math.inf  # the loss, and its number of values
        self._moments = Moments()
        self._add = self._moments.add
        # All smaller seeds are known or pending. If all points came in order, larger ones are not.
        self._next_seed = 0
        self._in_order = True

    # -- results ---------------------------------------------------------------------------

    @property
    def n_requested(self) -> int:
        """The number of evaluated and pending points."""
        return len(self._data) + len(self.pending_points)

    @property
    def sum_f(self) -> float:
        """The sum of all values."""
        return self._moments.total

    @property
    def mean(self) -> float:
        """The average of all values; NaN without values."""
        return self._moments.mean

    @property
    def std(self) -> float:
        """The corrected sample standard deviation of the values; infinite for fewer than ``min_npoints``."""
        if len(self._data) < self._min_npoints:
            return math.inf
        return self._moments.std

    def loss(self, real: bool = True, *, n: int | None = None) -> float:
        """Return the standard error of the mean in units of the tolerance, the stricter one if there are two.

        Parameters
        ----------
        real : bool, default: True
            With False, the loss that is expected with the pending points, for an unchanged standard deviation.
        n : int, optional
            Return the loss that is expected with this number of points.

        Returns
        -------
        float
            Infinite for fewer than ``min_npoints`` points, or if a value is not finite. The relative tolerance is
            ignored if the mean is exactly zero.
        """
        known = len(self._data)
        if known < self._min_npoints:
            return math.inf
        if known != self._n_of_loss:
            _, mean, std = self._moments.summary()
            error = std / math.sqrt(known)
            absolute, relative = error / self._atol, error / self._rtol
            if mean:
                relative /= abs(mean)
            loss = absolute if absolute > relative else relative
            self._n_of_loss, self._loss = known, loss if loss == loss else math.inf
        if real and n is None:
            return self._loss
        if n is None:
            n = self.n_requested
        return self._loss * math.sqrt(known / n) if n >= self._min_npoints else math.inf

    def to_numpy(self) -> NDArray[np.float64]:
        """Return the data as an array of shape (npoints, 2), seeds and values, in ascending order of seeds."""
        return np.array(sorted(self._data.items()), dtype=float).reshape(-1, 2)

    # -- ask and tell ----------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[int], list[float]]:
        """Choose the n smallest seeds that are neither known nor pending.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of int
        loss_improvements : list of float
            The expected reduction of the loss, divided equally.
        """
        if type(n) is not int or n <= 0:
            n = checked_size(n)
            if not n:
                return [], []
        seed = self._next_seed
        if self._in_order:
            points = [seed] if n == 1 else list(range(seed, seed + n))
        else:
            points, data, pending = [], self._data, self.pending_points
            while len(points) < n:
                if seed not in data and seed not in pending:
                    points.append(seed)
                seed += 1
        if tell_pending:
            self.pending_points.update(points)
            self._next_seed = points[-1] + 1
        known = len(self._data)
        loss = self._loss if self._n_of_loss == known >= self._min_npoints else self.loss()
        # The error is inversely proportional to the square root of the number of points.
        improvement = loss * (1 - math.sqrt(known / (known + n))) / n if loss < math.inf else math.inf
        return points, [improvement] * n

    def tell(self, n: int, value: Any) -> None:
        """Tell the value of the function at the seed ``n``; known points are ignored.

        Parameters
        ----------
        n : int
            Any integer, proposed or not.
        value : float

        Raises
        ------
        TypeError
            If n is not an integer, or the value is not a real number.
        """
        seed = n if type(n) is int else checked_seed(n)
        if type(value) is not float:
            value = checked_number(value, seed)
        if seed >= self._next_seed:
            self._in_order = False
        self.pending_points.discard(seed)
        if seed not in self._data:
            self._data.put(seed, value)
            self._add(value)

    def tell_many(self, xs: Iterable[int], ys: Iterable[Any]) -> None:
        """Tell the values ``ys`` at the seeds ``xs``.

        Raises
        ------
        TypeError, ValueError
            As in `tell`, or if there are not as many values as seeds. Then nothing is told.
        """
        seeds = checked_seeds(xs)
        values = checked_numbers(ys, seeds)
        pending = self.pending_points
        others = len(pending) - len(seeds)
        pending.difference_update(seeds)
        if len(pending) == others:
            # All points were pending and none occurs twice, so none is known.
            self._data.put_many(zip(seeds, values, strict=True))
            self._moments.extend(values)
        else:
            for seed, value in zip(seeds, values, strict=True):
                AverageLearner.tell(self, seed, value)

    def tell_pending(self, n: int) -> None:
        """Mark the seed ``n`` as pending, so that it is not proposed again."""
        seed = checked_seed(n)
        if seed >= self._next_seed:
            self._in_order = False
        if seed not in self._data:
            self.pending_points.add(seed)

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self.pending_points.clear()
        self._next_seed = 0
        self._in_order = not self._data

    def plot(self) -> Any:
        """Draw a histogram of the values; see `adaptive_dask.plotting.average_learner.draw`."""
        return super().plot()


def _checked_tolerance(tolerance: Any, name: str) -> float:
    if tolerance is None:
        return math.inf
    number = as_real(tolerance, name)
    if not number > 0:
        raise ValueError(f"{name} must be a positive number, got {tolerance!r}.")
    return number
