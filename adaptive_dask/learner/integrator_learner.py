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
    """Integrates a function f: ℝ → ℝ, by the doubly adaptive quadrature of [1]_ (CQUAD).

    An interval is interpolated by polynomials at 5, 9, 17 and 33 Clenshaw–Curtis nodes in turn, and divided when
    that does not converge. The error is estimated from the difference of the interpolants themselves, rather than
    of their integrals, which are alike by chance more often.

    Parameters
    ----------
    function : callable
        Takes a real number and returns a real number.
    bounds : pair of float, or Space
        Where the integral begins and ends: finite numbers, in ascending order.
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
    The estimates depend on the data only: in any order and grouping of the results, and whether or not they were
    asked for, the same data have the same integral and error.

    - Values that are NaN or infinite are left out of the interpolation, as in [1]_.
    - An interval is given up when its error is rounding, or its points are too close to each other. Its error still
      counts. The learner is done as well when the error that is left elsewhere is within the tolerance.
    - An integral diverges if, in a sequence of halvings of which at least half and more than 32 (in [1]_ 20) do so,
      the mean value grows at least as much as the interval shrinks; or if no value of such a sequence is
      finite. Then ``igral`` is infinite (or NaN), ``err`` is infinite, `divergence` says where, `done` is true and
      `ask` has no more points. Unlike in python-adaptive, no exception is raised while results come in.
    - Where the mean value grows from halving to halving, but not that fast, the error is estimated for all halvings
      that are still to come, as a geometric series. That is not in [1]_; it keeps the error reliable at
      singularities such as 1/√x.
    - Nothing is ever evaluated again: the number of intervals is not limited.

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

    # -- what is known ---------------------------------------------------------------------------

    @property
    def nr_points(self) -> int:
        """The number of evaluated points."""
        return len(self._data)

    @property
    def igral(self) -> float:
        """The estimate of the integral; 0 until there is one, infinite or NaN if it diverges."""
        return self._tree.igral

    @property
    def err(self) -> float:
        """The estimate of the absolute error of the integral; infinite until there is one."""
        return math.inf if self._tree.diverging else self._tree.root.total[1]

    @property
    def divergence(self) -> DivergentIntegralError | None:
        """What is wrong with the integral if it diverges: an exception that is yours to raise.

        Also if no more evaluations can bring the error down (`done`), and it is larger than all that was
        integrated: then not a single digit of the integral is known.
        """
        if self._tree.diverging:
            interval = min(self._tree.diverging, key=lambda interval: interval.a)
            what = "no value is finite" if not interval.mean else "the integral is infinite"
        elif self.done() and self.err > 0:
            leaves = self.approximating_intervals
            # Where values cancel, the integral may well be smaller than an error that is rounding.
            if self.err <= max(sum(abs(leaf.igral) for leaf in leaves), 1e-3 * sum(leaf.size for leaf in leaves)):
                return None
            interval = max(leaves, key=lambda leaf: leaf.err)
            what = "the function grows too fast to be integrated"
        else:
            return None
        return DivergentIntegralError(
            f"The integral over {self.bounds} does not exist: near x = {interval.middle!r} {what}. "
            "If the function is right, choose bounds that leave that point out."
        )

    @property
    def approximating_intervals(self) -> list[Interval]:
        """The intervals whose estimates make up the integral, from left to right."""
        return list(self._tree.leaves())

    def done(self) -> bool:
        """Whether the tolerance is reached, or no more evaluations can bring the error down."""
        if self._tree.diverging:
            return True
        igral, err, given_up = self._tree.root.total
        if err == 0 or err <= self._tol * abs(igral):
            return True
        # `inf - inf` is for the next line of the comparison to reject.
        return given_up > 0 and (err == given_up or err - given_up <= self._tol * abs(igral) < given_up)

    def loss(self, real: bool = True) -> float:
        """By how much the error exceeds the tolerance; zero when it is reached, infinite if the integral diverges.

        Parameters
        ----------
        real : bool, default: True
            Makes no difference: what pending points will leave of the error is not predicted.
        """
        if self._tree.diverging:
            return math.inf
        igral, err, _ = self._tree.root.total
        return max(0.0, err - self._tol * abs(igral))

    def to_numpy(self) -> NDArray[np.float64]:
        """The data as an array of shape (npoints, 2), ascending in x."""
        return np.array(sorted(self._data.items()), dtype=float).reshape(-1, 2)

    def interpolator(self, *, smooth: Smooth = "auto") -> LineInterpolator:
        """The integrand as it is known; see `Learner1D.interpolator`."""
        xs, ys = np.array(list(self._data.items()), dtype=float).reshape(-1, 2).T
        return best_line(xs, ys, (), self.bounds, smooth)

    # -- ask and tell ----------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        """Choose the next points: those of the next level where the error is largest.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of float
            Fewer than n if the integral diverges, or is known to rounding.
        loss_improvements : list of float
            The (expected) error of the interval to which each point belongs; infinite before anything is known.
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
        """Tell the value of the function at a point; nothing happens if it is known.

        Parameters
        ----------
        point : float
            May be any finite number, asked for or not. Points that the quadrature has no use for are kept in
            ``data``.
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
        """Tell that ``x`` is being evaluated, so that it is not proposed again."""
        x = checked_point(x)
        if x not in self._data:
            self.pending_points.add(x)

    def remove_unfinished(self) -> None:
        """Forget every pending point; those that are still of use will be proposed again."""
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
