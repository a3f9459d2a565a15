"""IntegratorLearner: integrates a function by doubly adaptive quadrature."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import checked_bounds, checked_number, checked_point, checked_size
from adaptive_dask.learner.interpolators import LineInterpolator, Smooth, best_line
from adaptive_dask.learner.quadrature.evaluation_plan import EvaluationPlan
from adaptive_dask.learner.quadrature.interval import Interval
from adaptive_dask.learner.quadrature.interval_tree import IntervalTree
from adaptive_dask.learner.settings import Fixed, Setting
from adaptive_dask.learner.settings_learner import SettingsLearner

__all__ = ["DivergentIntegralError", "IntegratorLearner"]


class DivergentIntegralError(ValueError):
    """An integral is infinite or does not exist; see `IntegratorLearner.divergence`."""


class IntegratorLearner(SettingsLearner):
    """Integrates a function f: ℝ → ℝ by doubly adaptive quadrature (CQUAD).

    An interval is interpolated by polynomials at 5, 9, 17 and 33 Clenshaw–Curtis nodes in turn, and divided if they do
    not converge [1]_. The error is estimated from the difference of the interpolants, not of their integrals, which
    agree by chance more often.

    Parameters
    ----------
    function : callable
        Takes a real number and returns a real number.
    bounds : pair of float, or Space
        The limits of the integral: finite numbers in ascending order.
    tol : float
        The relative tolerance: the learner is done when ``err <= tol * abs(igral)``.

    Attributes
    ----------
    data : dict, float → float
        The evaluated points and their values, in the order in which they were told.
    pending_points : set of float

    Raises
    ------
    TypeError, ValueError
        If the bounds are not two finite numbers in ascending order, or the tolerance is not a positive number.

    Notes
    -----
    The estimates depend only on the data: equal data have the same integral and error, for any order and grouping of
    the results.

    - Values that are NaN or infinite are omitted from the interpolation, as in [1]_.
    - An interval is not divided further if its error is due to rounding, or its points are too close to each other. Its
      error is still part of the total. The learner is also done if the error of all other intervals is within the
      tolerance.
    - An integral diverges if, in a sequence of halvings, at least half of them and more than 32 (in [1]_ 20) increase
      the mean value by at least the factor by which the interval shrinks, or if no value of such a sequence is finite.
      Then ``igral`` is infinite (or NaN), ``err`` is infinite, `divergence` is the reason, `done` is true, and `ask`
      returns no more points. Unlike in python-adaptive, telling a result raises no exception.
    - If the mean value grows more slowly from halving to halving, the error of all further halvings is estimated as a
      geometric series. This is not in [1]_; it keeps the error reliable at singularities such as 1/√x.
    - No point is evaluated twice, and the number of intervals is not limited.

    References
    ----------
    .. [1] P. Gonnet, Increasing the reliability of adaptive quadrature using explicit interpolants,
       ACM Trans. Math. Softw. 37, 26 (2010).
    """

    bounds = Fixed(lambda bounds, name: checked_bounds(bounds))
    tol = Setting(lambda tol, name: _checked_tol(tol))

    pending_points: set[float]
    _bounds: tuple[float, float]
    _tol: float

    def __init__(self, function: Callable[..., float], bounds: tuple[float, float] | Space, tol: float) -> None:
        self.function = function
        self.bounds = bounds
        self.tol = tol
        self._start_over()

    def _settings(self) -> dict[str, Any]:
        return {"bounds": self.bounds, "tol": self.tol}

    def _start_over(self) -> None:
        self.pending_points = set()
        self._plan = EvaluationPlan()
        self._tree = IntervalTree(*self._bounds, self._plan.update)
        self._plan.start_over(self._tree)
        self._stack: deque[tuple[float, float]] = deque()
        self._data = self._tree.data

    # -- results ---------------------------------------------------------------------------

    @property
    def nr_points(self) -> int:
        """The number of evaluated points."""
        return len(self._data)

    @property
    def igral(self) -> float:
        """The estimate of the integral: 0 without data, infinite or NaN if it diverges."""
        return self._tree.igral

    @property
    def err(self) -> float:
        """The estimate of the absolute error of the integral; infinite without data."""
        return math.inf if self._tree.diverging else self._tree.root.total[1]

    @property
    def divergence(self) -> DivergentIntegralError | None:
        """An exception with the reason if the integral diverges, otherwise None. It is not raised.

        It is also set if no more evaluations can reduce the error (`done`), and the error is larger than the integral
        of the absolute value. Then, no digit of the integral is known.
        """
        if self._tree.diverging:
            interval = min(self._tree.diverging, key=lambda interval: interval.a)
            what = "no value is finite" if not interval.mean else "the integral is infinite"
        elif self.done() and self.err > 0:
            leaves = self.approximating_intervals
            # If values cancel, the integral may be smaller than an error that is due to rounding.
            if self.err <= max(sum(abs(leaf.igral) for leaf in leaves), 1e-3 * sum(leaf.size for leaf in leaves)):
                return None
            interval = max(leaves, key=lambda leaf: leaf.err)
            what = "the function grows too fast to be integrated"
        else:
            return None
        return DivergentIntegralError(
            f"The integral over {self.bounds} does not exist: near x = {interval.middle!r} {what}. "
            "If the function is correct, choose bounds that exclude this point."
        )

    @property
    def approximating_intervals(self) -> list[Interval]:
        """The intervals whose estimates are summed, from left to right."""
        return list(self._tree.leaves())

    def done(self) -> bool:
        """Return True if the tolerance is reached, or no more evaluations can reduce the error."""
        if self._tree.diverging:
            return True
        igral, err, given_up = self._tree.root.total
        if err == 0 or err <= self._tol * abs(igral):
            return True
        # `inf - inf` is rejected by the next comparison.
        return given_up > 0 and (err == given_up or err - given_up <= self._tol * abs(igral) < given_up)

    def loss(self, real: bool = True) -> float:
        """Return the excess of the error over the tolerance; 0 when it is reached, infinite if the integral diverges.

        Parameters
        ----------
        real : bool, default: True
            Ignored: the effect of pending points is not predicted.
        """
        if self._tree.diverging:
            return math.inf
        igral, err, _ = self._tree.root.total
        return max(0.0, err - self._tol * abs(igral))

    def to_numpy(self) -> NDArray[np.float64]:
        """Return the data as an array of shape (npoints, 2), in ascending order of x."""
        return np.array(sorted(self._data.items()), dtype=float).reshape(-1, 2)

    def interpolator(self, *, smooth: Smooth = "auto") -> LineInterpolator:
        """Return an interpolation of the integrand; see `Learner1D.interpolator`."""
        xs, ys = np.array(list(self._data.items()), dtype=float).reshape(-1, 2).T
        return best_line(xs, ys, (), self.bounds, smooth)

    # -- ask and tell ----------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        """Choose the next points: those of the next level where the error is largest.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of float
            Fewer than n if the integral diverges, or is known up to rounding.
        loss_improvements : list of float
            The (expected) error of the interval of each point; infinite without data.
        """
        n = checked_size(n)
        if tell_pending:
            return self._choose(n)
        stack = self._stack.copy()
        self._plan.remember()
        points, improvements = self._choose(n)
        self._plan.take_back()
        self._stack = stack
        self.pending_points.difference_update(points)
        return points, improvements

    def _choose(self, n: int) -> tuple[list[float], list[float]]:
        points: list[float] = []
        improvements: list[float] = []
        data, pending, stack = self._data, self.pending_points, self._stack
        while len(points) < n and not self._tree.diverging:
            if not stack:
                planned = self._plan.next_level(self._tree)
                if planned is None:
                    break
                stack.extend((x, planned[1]) for x in planned[0])
                continue
            x, improvement = stack.popleft()
            if x not in data and x not in pending:
                pending.add(x)
                points.append(x)
                improvements.append(improvement)
        return points, improvements

    def tell(self, point: float, value: Any) -> None:
        """Tell the value of the function at a point; known points are ignored.

        Parameters
        ----------
        point : float
            Any finite number, proposed or not. Points that the quadrature does not need are stored in ``data``.
        value : float
            May be NaN or infinite.

        Raises
        ------
        TypeError, ValueError
            If the point is not a finite number, or the value not a real number.
        """
        x = checked_point(point)
        y = value if type(value) is float else checked_number(value, x)
        self.pending_points.discard(x)
        if x not in self._data:
            self._tree.add(x, y)

    def tell_pending(self, x: float) -> None:
        """Mark ``x`` as pending, so that it is not proposed again."""
        x = checked_point(x)
        if x not in self._data:
            self.pending_points.add(x)

    def remove_unfinished(self) -> None:
        """Remove all pending points; those that are still needed will be proposed again."""
        self.pending_points.clear()
        self._stack.clear()
        self._plan.start_over(self._tree)

    def plot(self) -> Any:
        """Draw samples and intervals; see `adaptive_dask.plotting.integrator_learner.draw`."""
        return super().plot()


def _checked_tol(tol: Any) -> float:
    if isinstance(tol, str | bytes):
        raise TypeError(f"tol must be a positive number, got {tol!r}.")
    try:
        number = float(tol)
    except (TypeError, ValueError):
        raise TypeError(f"tol must be a positive number, got {tol!r}.") from None
    if not 0 < number < math.inf:
        raise ValueError(f"tol must be a positive, finite number, got {tol!r}.")
    return number
