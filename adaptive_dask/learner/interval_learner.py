"""The common part of `Learner1D` and `AverageLearner1D`: points on a line, and a loss for each interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import checked_bounds
from adaptive_dask.learner.interpolators import LineInterpolator, Smooth, best_line
from adaptive_dask.learner.intervals.data_scale import DataScale
from adaptive_dask.learner.intervals.interval_losses import IntervalLosses
from adaptive_dask.learner.intervals.line_views import IntervalLossView, Neighbors, PointData
from adaptive_dask.learner.intervals.points_on_line import PointsOnLine
from adaptive_dask.learner.losses.interval import default_loss
from adaptive_dask.learner.settings import Fixed, Setting, function_or_default
from adaptive_dask.learner.settings_learner import SettingsLearner


class IntervalLearner(SettingsLearner):
    """A learner of a function of one real number that divides intervals between points.

    Derived classes choose the points and store the values. See `Learner1D` for the parameters.
    """

    bounds = Fixed(lambda bounds, name: checked_bounds(bounds))
    loss_per_interval = Setting(function_or_default(default_loss))

    _data: PointData
    _bounds: tuple[float, float]
    _loss_per_interval: Callable[..., Any]

    def __init__(
        self,
        function: Callable[..., Any],
        bounds: tuple[float, float] | Space,
        loss_per_interval: Callable[..., Any] | None = None,
    ) -> None:
        self.function = function
        self.bounds = bounds
        self.loss_per_interval = loss_per_interval
        self._start_over()

    def _settings(self) -> dict[str, Any]:
        return {"bounds": self.bounds, "loss_per_interval": self.loss_per_interval}

    def _start_over(self) -> None:
        self._shape: tuple[int, ...] | None = None
        self._line = PointsOnLine()
        self._scale = DataScale(self._bounds)
        before: IntervalLosses | None = vars(self).get("_losses")
        self._losses: IntervalLosses = self._new_losses(2.0 if before is None else before.recompute_factor)
        self._data = PointData(self._line, lambda: self._shape or ())

    def _new_losses(self, recompute_factor: float) -> IntervalLosses:
        resolution = 2 * max(map(abs, self._bounds)) * float(np.finfo(float).eps)
        losses = IntervalLosses(self._line, self._scale, self._loss_per_interval, resolution, any(self._whole))
        losses.recompute_factor = recompute_factor
        losses.evaluation.seam = self._bounds if any(self._periodic) else None
        losses.evaluation.shape = self._shape or ()
        losses.evaluation.tolerance = self._tolerance()
        return losses

    def _tolerance(self) -> float:
        """Return the relative length to which the border of a region without values is resolved."""
        return 0.0

    def _setting_changed(self, name: str) -> None:
        """Compute all losses again."""
        self._losses = self._new_losses(self._losses.recompute_factor)
        if self._line.n_slots > 1:
            self._losses.refresh_all()

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return self._line.n_told

    @property
    def vdim(self) -> int:
        """The number of components of a value; 1 for numbers, and without data."""
        return math.prod(self._shape or ())

    @property
    def _vdim(self) -> int | None:
        """The same; None without data."""
        return None if self._shape is None else math.prod(self._shape)

    @property
    def nth_neighbors(self) -> int:
        """The number of neighbours on each side of an interval that the loss function uses."""
        return self._losses.traits.nth_neighbors

    @property
    def _recompute_losses_factor(self) -> float:
        """All losses are computed again when the range of the values has grown by this factor."""
        return self._losses.recompute_factor

    @_recompute_losses_factor.setter
    def _recompute_losses_factor(self, factor: float) -> None:
        self._losses.recompute_factor = factor

    @property
    def neighbors(self) -> Mapping[float, list[float | None]]:
        """``{x: [left, right]}`` for the evaluated points between the bounds."""
        return Neighbors(self._line, combined=False)

    @property
    def neighbors_combined(self) -> Mapping[float, list[float | None]]:
        """``{x: [left, right]}`` for the evaluated and pending points between the bounds."""
        return Neighbors(self._line, combined=True)

    @property
    def losses(self) -> Mapping[tuple[float, float], float]:
        """``{(left, right): loss}`` for the intervals between evaluated points."""
        return IntervalLossView(Neighbors(self._line, combined=False), self._line, self._losses.known)

    @property
    def losses_combined(self) -> Mapping[tuple[float, float], float]:
        """``{(left, right): loss}`` for the intervals between evaluated or pending points."""
        return IntervalLossView(Neighbors(self._line, combined=True), self._line, self._losses.open)

    def loss(self, real: bool = True) -> float:
        """Return the largest loss of an interval; infinite until both bounds have been told.

        Parameters
        ----------
        real : bool, default: True
            With False, the loss that is expected once the pending points are told.
        """
        line = self._line
        for bound in self._bounds:
            slot = line.slots.get(bound)
            if slot is None or (real and line.is_pending(slot)):
                return math.inf
        if real and self._losses.has_unknown():
            return math.inf
        queue = self._losses.known_queue if real else self._losses.open_queue
        interval = queue.peek()
        if interval is None:
            # Open intervals may all be too narrow to be divided, so no further reduction is expected.
            known = line.right_at[line.right_at[0]] > 0
            return 0.0 if known and not real else math.inf
        return float((self._losses.known if real else self._losses.open)[interval])

    def to_numpy(self) -> NDArray[np.float64]:
        """Return the data as an array of shape (npoints, 1 + vdim), in ascending order of x."""
        xs, ys = self._data.arrays()
        table = np.column_stack((xs, ys))
        return table[np.argsort(xs)]

    def interpolator(self, *, smooth: Smooth = False) -> LineInterpolator:
        """Return an interpolation of the data, as an object that can be pickled and does not refer to the learner.

        Parameters
        ----------
        smooth : bool or "auto", default: False
            With False, linear interpolation; with True, a cubic spline. ``"auto"`` selects the one that predicted the
            newest points better.

        Returns
        -------
        LineInterpolator
            Takes points of shape (n,) and returns values of shape (n,), or (n, M) for vectors, with NaN outside the
            bounds. ``error(x)`` estimates their error.

        Raises
        ------
        ValueError
            If there are no data.
        """
        xs, ys = self._data.arrays()
        line = self._line
        feasible = ~line.failed[line.told[: len(xs)]]
        if line.barred:
            barred = line.x[line.barred]
            xs, ys = np.append(xs, barred), np.append(ys, np.full((len(barred), ys.shape[1]), np.nan), axis=0)
            feasible = np.append(feasible, np.zeros(len(barred), dtype=bool))
        return best_line(xs, ys, self._shape or (), self.bounds, smooth, feasible=feasible)

    def _set_shape(self, shape: tuple[int, ...]) -> None:
        """Set the shape of the values, which is that of the first one."""
        self._shape = self._losses.evaluation.shape = shape
        self._line.reserve_y(math.prod(shape))
