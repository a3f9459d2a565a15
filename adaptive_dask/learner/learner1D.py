"""Learner1D: learns a function of one real number by dividing the intervals of largest loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self, cast

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.base_learner import BaseLearner, uses_nth_neighbors
from adaptive_dask.learner.by_value import dumps_by_value
from adaptive_dask.learner.checked import checked_size
from adaptive_dask.learner.function_pickle import ByValue
from adaptive_dask.learner.interpolators import LineInterpolator, Smooth, best_line
from adaptive_dask.learner.intervals.choice import Choices, choose
from adaptive_dask.learner.intervals.data_scale import DataScale
from adaptive_dask.learner.intervals.interval_losses import IntervalLosses
from adaptive_dask.learner.intervals.line_views import IntervalLossView, Neighbors, PointData
from adaptive_dask.learner.intervals.points_on_line import PointsOnLine
from adaptive_dask.learner.losses.interpolation import interpolation_loss_function
from adaptive_dask.learner.losses.interval import (
    abs_min_log_loss,
    curvature_loss_function,
    default_loss,
    resolution_loss_function,
    triangle_loss,
    uniform_loss,
)
from adaptive_dask.learner.settings import Fixed, Setting, function_or_default
from adaptive_dask.learner.told_data import Data
from adaptive_dask.learner.told_values import (
    checked_bounds,
    checked_point,
    checked_points,
    checked_value,
    checked_values,
    in_shape,
)

__all__ = [
    "Learner1D",
    "abs_min_log_loss",
    "curvature_loss_function",
    "default_loss",
    "interpolation_loss_function",
    "resolution_loss_function",
    "triangle_loss",
    "uniform_loss",
    "uniform_sampling",
    "uses_nth_neighbors",
]

uniform_sampling = uniform_loss

Value = float | NDArray[np.float64]

# Below this many results at a time, one by one is faster than NumPy.
_FEW = 12


class Learner1D(BaseLearner):
    """Learns a function f: ℝ → ℝ^N.

    Each interval between neighbouring points has a loss, computed from the points at its ends and, if
    the loss function wants them, from their neighbours. The next points divide the intervals with the
    largest losses. Points in flight count: an interval's loss is shared among the pieces into which
    pending points divide it.

    Parameters
    ----------
    function : callable
        Takes a real number and returns a real number or a vector of N.
    bounds : pair of float
        The interval on which to learn the function.
    loss_per_interval : callable, optional
        ``loss(xs, ys)``, see Notes. `default_loss` if not given.

    Attributes
    ----------
    data : mapping, float → float or array of shape (N,)
        The evaluated points and their values, in the order in which they were told.
    pending_points : set of float
    bounds : pair of float

    Raises
    ------
    TypeError, ValueError
        If the bounds are not two finite numbers in ascending order.

    Notes
    -----
    A loss function gets two tuples: ``xs``, the ends of the interval, divided by the width of the
    bounds; and ``ys``, the values there, divided by the height of the data so far (of the component
    that varies most). If it was tagged with `uses_nth_neighbors(k)`, both have k points more on each
    side, None where there is none. Optional attributes of a loss function (`LossTraits`) make it
    faster or say how it wants intervals divided.

    The losses of intervals next to a new point are computed with the present height of the data; all
    others are computed anew only when that height has doubled. So two learners with the same data,
    told in another order or grouping, may differ in loss by that lag; `tell_many` with ``force=True``
    removes it.

    What is asked next depends on the data, the pending points and that lag only. It is what
    python-adaptive asks, except for ties, for points outside of the bounds (they are kept in ``data``
    and ignored otherwise) and for values that are not finite:

    - A NaN or infinite value is kept in ``data`` and does not enter the height of the data. The loss of
      an interval beside it is its length relative to the bounds, whatever the loss function, so the
      region is explored as if the function were flat there.
    - An interval narrower than the resolution of floating-point numbers at the larger bound has no
      loss, which ends the refinement of a divergence or a jump.
    - Of intervals without loss the longest is divided first; of intervals with equal losses the
      leftmost, or the longest if the loss function is not known to shrink (`LossTraits`).
    - When no interval has a number inside that is not known, `ask` returns fewer points.
    """

    data = Data()
    bounds = Fixed(lambda bounds, name: checked_bounds(bounds))
    loss_per_interval = Setting(function_or_default(default_loss))

    _data: PointData
    _bounds: tuple[float, float]
    _loss_per_interval: Callable[..., Any]

    def __init__(
        self,
        function: Callable[[float], Any],
        bounds: tuple[float, float],
        loss_per_interval: Callable[..., Any] | None = None,
    ) -> None:
        self.function = function
        self.bounds = bounds
        self.loss_per_interval = loss_per_interval
        self._start_over()

    def _start_over(self) -> None:
        """Forget all results and pending points."""
        self.pending_points: set[float] = set()
        self._shape: tuple[int, ...] | None = None
        self._line = PointsOnLine()
        self._scale = DataScale(self._bounds)
        before: IntervalLosses | None = getattr(self, "_losses", None)
        self._losses: IntervalLosses = self._new_losses(2.0 if before is None else before.recompute_factor)
        self._data = PointData(self._line, lambda: self._shape or ())

    def _new_losses(self, recompute_factor: float) -> IntervalLosses:
        resolution = 2 * max(map(abs, self._bounds)) * float(np.finfo(float).eps)
        losses = IntervalLosses(self._line, self._scale, self._loss_per_interval, resolution)
        losses.recompute_factor = recompute_factor
        losses.evaluation.shape = self._shape or ()
        return losses

    def _setting_changed(self, name: str) -> None:
        """Compute all losses anew, with another loss function."""
        self._losses = self._new_losses(self._losses.recompute_factor)
        if self._line.n_slots > 1:
            self._losses.refresh_all()

    def new(self) -> Self:
        """A learner with the same function, bounds and loss, and no data."""
        return type(self)(self.function, self.bounds, self.loss_per_interval)

    # -- what is known ---------------------------------------------------------------------------

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return self._line.n_told

    @property
    def vdim(self) -> int:
        """The length of the function's values; 1 for numbers, and as long as there are no data."""
        return math.prod(self._shape or ())

    @property
    def _vdim(self) -> int | None:
        """The same; None as long as there are no data."""
        return None if self._shape is None else math.prod(self._shape)

    @property
    def nth_neighbors(self) -> int:
        """How many neighbours on each side of an interval the loss function looks at."""
        return self._losses.traits.nth_neighbors

    @property
    def _recompute_losses_factor(self) -> float:
        """All losses are computed anew when the height of the data has grown by this factor since."""
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
        """The largest loss of an interval; infinite until both bounds have been told.

        Parameters
        ----------
        real : bool, default: True
            With False, the loss that is expected once the pending points are told.
        """
        if not all(bound in (self.data if real else self._line.slots) for bound in self._bounds):
            return math.inf
        if real and self._losses.has_unknown():
            return math.inf
        queue = self._losses.known_queue if real else self._losses.open_queue
        interval = queue.peek()
        if interval is None:
            # Open intervals may all be too narrow to divide, which leaves nothing to expect.
            known = self._line.right_at[self._line.right_at[0]] > 0
            return 0.0 if known and not real else math.inf
        return float((self._losses.known if real else self._losses.open)[interval])

    def to_numpy(self) -> NDArray[np.float64]:
        """The data as an array of shape (npoints, 1 + vdim), ascending in x."""
        xs, ys = self._data.arrays()
        table = np.column_stack((xs, ys))
        return table[np.argsort(xs)]

    def interpolator(self, *, smooth: Smooth = False) -> LineInterpolator:
        """The function as it is known, as an object that can be pickled and knows no learner.

        Parameters
        ----------
        smooth : bool or "auto", default: False
            With False straight lines, with True a cubic spline. ``"auto"`` takes the one that predicted the newest
            points better before they were told.

        Returns
        -------
        LineInterpolator
            Takes points of shape (n,) and returns values of shape (n,), or (n, M) for vectors, NaN outside of the
            bounds. ``error(x)`` estimates their error.

        Raises
        ------
        ValueError
            If nothing is known yet.
        """
        xs, ys = self._data.arrays()
        return best_line(xs, ys, self._shape or (), self.bounds, smooth)

    # -- ask -------------------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        """Choose the n points that reduce the loss the most.

        The bounds come first. An interval that gets several points at a time is divided equally,
        unless the loss function has a rule of its own.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of float
            Fewer than n if there are no more numbers between the bounds that are not known.
        loss_improvements : list of float
            The loss that each piece is expected to have; for a loss with its own rule of division, by
            how much it falls. Infinite where nothing is known.
        """
        n = checked_size(n)
        choices = choose(self._line, self._losses, self._bounds, n, self._scale.x)
        if tell_pending:
            self._add_pending(choices)
        else:
            for interval, priority in choices.taken:
                self._losses.open_queue.set(interval, priority)
        return choices.points, choices.improvements

    def _add_pending(self, choices: Choices) -> None:
        line, losses, slots = self._line, self._losses, self._line.slots
        self.pending_points.update(choices.points)
        if choices.intervals is not None:
            losses.refresh_pending_many(line.insert_many(np.array(choices.points), choices.intervals))
            return
        known: dict[int, int] = {0: 0}
        for x, x_before in zip(choices.points, choices.before, strict=True):
            before = slots.get(x_before, 0)
            if before not in known:
                known[before] = line.evaluated_before(before)
            slot = line.insert(x, before)
            known[slot] = known[before]
            losses.refresh_pending(slot, known[before])

    def tell_pending(self, x: float) -> None:
        """Tell that ``x`` is being evaluated, so that it is not proposed again.

        Nothing happens if it is pending or known.
        """
        x = checked_point(x)
        if x in self._line.slots:
            return
        self.pending_points.add(x)
        if self._bounds[0] <= x <= self._bounds[1]:
            self._losses.refresh_pending(self._line.insert(x))
        else:
            self._line.add_outside(x)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self._losses.remove_pending([self._line.slots[x] for x in self.pending_points])
        self.pending_points = set()

    # -- tell ------------------------------------------------------------------------------------

    def tell(self, x: float, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x``; nothing happens if it is known.

        Parameters
        ----------
        x : float
            May be any finite number, asked for or not, also outside of the bounds.
        y : float or sequence of float

        Raises
        ------
        TypeError, ValueError
            If x is not a finite number, or y not a number or a vector as long as those before.
        """
        x = checked_point(x)
        value = self._fitted(x, checked_value(y, x))
        slot = self._line.slots.get(x)
        if slot is not None and not self._line.is_pending(slot):
            return
        slot = self._place(x)
        self._write(slot, value)
        if not self._bounds[0] <= x <= self._bounds[1]:
            return
        scale, losses = self._scale, self._losses
        scale.include(x, value)
        losses.refresh_around(slot)
        if scale.y > losses.recompute_factor * scale.recomputed_y:
            losses.refresh_all()

    def tell_many(self, xs: Iterable[float], ys: Iterable[Any], *, force: bool = False) -> None:
        """Tell the values ``ys`` of the function at ``xs``, in one go.

        If these are at least half as many results as are known already, the losses of all intervals are
        computed anew.

        Parameters
        ----------
        xs : iterable of float, length n
        ys : iterable of float, or of sequences of float; length n
        force : bool, default: False
            Compute all losses anew in any case.

        Raises
        ------
        TypeError, ValueError
            As in `tell`, or if there are not as many values as points. Then nothing is told.
        """
        if not force and self._are_few_and_plain(xs, ys):
            for x, y in zip(xs, ys, strict=True):
                self.tell(x, y)
            return
        points = checked_points(xs)
        values, shape = checked_values(ys, points, self._shape)
        if not points:
            if force and self.npoints:
                self._tell_anew([], values)
            return
        if self._shape is None:
            self._set_shape(shape)
        anew = force or (len(points) > 0.5 * self.npoints and len(points) > 2)
        if not anew and (len(points) < _FEW or not self._scale.spans_bounds):
            for x, value in zip(points, values.reshape(-1, *shape) if shape else values[:, 0].tolist(), strict=True):
                self.tell(x, value)
            return
        new = self._not_known(points)
        if len(new) < len(points):
            points, values = [points[i] for i in new], values[new]
        if force or (anew and new):
            self._tell_anew(points, values)
        elif new:
            self._tell_batch(points, values)

    def _are_few_and_plain(self, xs: Iterable[float], ys: Iterable[Any]) -> bool:
        """Whether these are finite numbers that `tell` takes one by one, without a look at all of them before."""
        if not (isinstance(xs, list | tuple) and isinstance(ys, list | tuple) and len(xs) == len(ys) < _FEW):
            return False
        if self._shape != () or 2 * len(xs) > self.npoints:
            return False
        return all(type(each) is float and math.isfinite(each) for each in (*xs, *ys))

    def _tell_batch(self, points: list[float], values: NDArray[np.float64]) -> None:
        line = self._line
        slots = np.array([self._place(x) for x in points], dtype=np.intp)
        assert line.y is not None
        line.y[slots] = values
        for slot in slots.tolist():
            line.mark_evaluated(slot)
        inside = line.right[slots] >= 0
        if not inside.all():
            slots, values = slots[inside], values[inside]
        if len(slots):
            self._losses.refresh_around_many(slots, self._scale.include_many(values))

    def _tell_anew(self, points: list[float], values: NDArray[np.float64]) -> None:
        line, scale, (low, high) = self._line, self._scale, self._bounds
        self.pending_points.difference_update(points)
        xs = np.array(points)
        inside = (low <= xs) & (xs <= high)
        if points:
            line.add_evaluated(xs, values, inside)
        if inside.any():
            scale.include_many(values[inside])
        scale.fit(line.in_chain()[0])
        self._losses.rebuild()

    def _not_known(self, points: list[float]) -> list[int]:
        """Which of the points are not evaluated and occur for the first time."""
        line, seen, new = self._line, set(), []
        for i, x in enumerate(points):
            slot = line.slots.get(x)
            if x not in seen and (slot is None or line.is_pending(slot)):
                seen.add(x)
                new.append(i)
        return new

    def _place(self, x: float) -> int:
        """The slot of a point that was pending or is new."""
        slot = self._line.slots.get(x)
        if slot is not None:
            self.pending_points.discard(x)
            return slot
        if self._bounds[0] <= x <= self._bounds[1]:
            return self._line.insert(x)
        return self._line.add_outside(x)

    def _write(self, slot: int, value: Value) -> None:
        line = self._line
        if isinstance(value, float):
            line.y_at[slot, 0] = value
        else:
            assert line.y is not None
            line.y[slot] = value
        line.mark_evaluated(slot)

    def _fitted(self, x: float, value: Value) -> Value:
        """A value as the line keeps it: a number, or a flat array as long as those before."""
        shape = self._shape
        if shape is None:
            shape = np.shape(value)
            self._set_shape(shape)
        elif shape == () and type(value) is float:
            return value
        value = in_shape(value, shape, x)
        return value.reshape(-1) if isinstance(value, np.ndarray) else value

    def _set_shape(self, shape: tuple[int, ...]) -> None:
        """Note the shape of the values, which is that of the first one."""
        self._shape = self._losses.evaluation.shape = shape
        self._line.reserve_y(math.prod(shape))

    def plot(self, *, scatter_or_line: Literal["scatter", "line"] = "scatter", **options: Any) -> Any:
        """Draw the points, or lines between them; see `adaptive_dask.plotting.learner1D.draw`."""
        return super().plot(scatter_or_line=scatter_or_line, **options)

    # -- copies ----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        xs, ys = self._data.arrays()
        slots = self._line.told[: len(xs)]
        return {
            "function": ByValue(self.function),
            "bounds": self.bounds,
            # Unlike the function, the loss function is needed wherever the learner is.
            "loss_per_interval": dumps_by_value(self.loss_per_interval),
            "xs": xs,
            "ys": ys,
            "shape": self._shape,
            "losses": self._losses.known[slots],
            "scale": self._scale,
            "recompute_factor": self._losses.recompute_factor,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        function = cast(Callable[[float], Any], state["function"])
        Learner1D.__init__(self, function, state["bounds"], cloudpickle.loads(state["loss_per_interval"]))
        if len(state["xs"]):
            # Until 0.1, a state said only whether values are arrays.
            shape = state["shape"] if "shape" in state else state["ys"].shape[1:] if state["as_arrays"] else ()
            self.tell_many(state["xs"], state["ys"].reshape(-1, *shape), force=True)
            vars(self._scale).update(vars(state["scale"]))
            self._losses.restore(state["losses"])
        self._losses.recompute_factor = state["recompute_factor"]
