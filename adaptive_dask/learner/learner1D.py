"""Learner1D: learns a function of one real number by dividing the intervals with the largest losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.base_learner import uses_nth_neighbors
from adaptive_dask.learner.checked import (
    checked_point,
    checked_points,
    checked_size,
    checked_value,
    checked_values,
    in_shape,
    paired,
)
from adaptive_dask.learner.function_pickle import ByValue
from adaptive_dask.learner.geometry.failed_region import TOLERANCE
from adaptive_dask.learner.infeasible_points import NAN_REASON, RegionLearner
from adaptive_dask.learner.interval_learner import IntervalLearner
from adaptive_dask.learner.intervals.choice import Choices, choose
from adaptive_dask.learner.intervals.points_on_line import PENDING
from adaptive_dask.learner.losses.interpolation import interpolation_loss_function
from adaptive_dask.learner.losses.interval import (
    abs_min_log_loss,
    curvature_loss_function,
    default_loss,
    resolution_loss_function,
    triangle_loss,
    uniform_loss,
)
from adaptive_dask.learner.settings_learner import unwrapped, wrapped

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

# Below this number of results, telling them one by one is faster than NumPy.
_FEW = 12


class Learner1D(RegionLearner, IntervalLearner):
    """Learns a function f: ℝ → ℝ^N.

    Each interval between neighbouring points has a loss, computed from its end points and, depending on the loss
    function, from their neighbours. The next points divide the intervals with the largest losses. The loss of an
    interval with pending points is shared among its parts.

    Parameters
    ----------
    function : callable
        Takes a real number and returns a real number or a vector of N.
    bounds : pair of float, or Space
        The interval on which to learn the function.
    loss_per_interval : callable, optional
        ``loss(xs, ys)``, see Notes. `default_loss` if not given.
    feasibility_tol : float, default: 0.02
        The length, as a fraction of the bounds, to which the border of regions without values (`Infeasible`) is
        resolved.
    nan : "infeasible", optional
        If ``"infeasible"``, values with NaN count as `Infeasible`. By default, they are stored as values.
    feasible : callable, optional
        ``feasible(x)`` is False where the function is known to have no value. Such points are never proposed.

    Attributes
    ----------
    data : mapping, float → float or array of shape (N,)
        The evaluated points and their values, in the order in which they were told.
    pending_points : set of float
    bounds : pair of float
    infeasible : mapping, float → str
        The points without a value, where ``data`` has NaN, and the reasons.

    Raises
    ------
    TypeError, ValueError
        If the bounds are not two finite numbers in ascending order.

    Notes
    -----
    A loss function is called with two tuples: ``xs``, the ends of the interval, divided by the width of the bounds; and
    ``ys``, the values there, divided by the height of the data so far (of the component that varies most). With
    `uses_nth_neighbors(k)`, both have k more points on each side, or None beyond the bounds. Optional attributes of a
    loss function (`LossTraits`) make it faster or define how intervals are divided.

    The losses of intervals next to a new point are computed with the current height of the data. All others are
    computed again only when that height has doubled. Losses can therefore differ between two learners with the same
    data that were told in another order or grouping; `tell_many` with ``force=True`` computes all of them.

    The next points depend only on the data, the pending points and these losses. They are those of python-adaptive,
    except for ties, for points outside the bounds (which are stored in ``data`` and otherwise ignored) and for values
    that are not finite:

    - A NaN or infinite value is stored in ``data`` and not part of the height of the data. The loss of an interval
      beside it is its length relative to the bounds, for any loss function, so the region is explored as if the
      function were constant there.
    - An interval narrower than the resolution of floating-point numbers at the larger bound has no loss, which ends the
      refinement of a divergence or a jump.
    - Of intervals without loss, the longest is divided first. Of intervals with equal losses, it is the leftmost, or
      the longest if the loss function is not known to shrink (`LossTraits`).
    - If all numbers inside all intervals are known, `ask` returns fewer points.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        bounds: tuple[float, float] | Space,
        loss_per_interval: Callable[..., Any] | None = None,
        *,
        feasibility_tol: float = TOLERANCE,
        nan: Literal["infeasible"] | None = None,
        feasible: Callable[[float], bool] | None = None,
    ) -> None:
        self.feasible = feasible
        self.feasibility_tol = feasibility_tol
        self.nan = nan
        super().__init__(function, bounds, loss_per_interval)

    def _settings(self) -> dict[str, Any]:
        return {**super()._settings(), **self._feasibility_settings()}

    def _tolerance(self) -> float:
        return self._feasibility_tol

    def _start_over(self) -> None:
        super()._start_over()
        self.pending_points: set[float] = set()
        self._forget_reasons()

    # -- ask -------------------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        """Choose the n points that reduce the loss the most.

        The bounds are first. An interval that gets several points is divided equally, unless the loss function defines
        another division.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of float
            Fewer than n if all other numbers between the bounds are known.
        loss_improvements : list of float
            The expected loss of each part or, for a loss with its own division, the expected reduction. Infinite
            without data.
        """
        n = checked_size(n)
        choices = choose(self._line, self._losses, self._bounds, n, self._scale.x)
        if self._feasible is not None:
            choices = self._feasible_choices(choices, n)
        if tell_pending:
            self._add_pending(choices)
        else:
            self._put_back(choices)
        return choices.points, choices.improvements

    def _put_back(self, choices: Choices) -> None:
        for interval, priority in choices.taken:
            self._losses.open_queue.set(interval, priority)

    def _feasible_choices(self, choices: Choices, n: int) -> Choices:
        """Return choices without barred points; those become part of the line, and are replaced by others."""
        count = 0
        while barred := [x for x in choices.points if self._is_barred(x)]:
            self._put_back(choices)
            count += len(barred)
            if not self._check_barred(count):
                return Choices()
            if self._line.y is None:
                self._line.reserve_y(1)
            for x in barred:
                self._losses.refresh_around(self._line.bar(x))
            choices = choose(self._line, self._losses, self._bounds, n, self._scale.x)
        if n and not (choices.points or self.pending_points or self._data) and self._line.barred:  # no other points
            self._complain_of_barred(len(self._line.barred))
        return choices

    def _setting_changed(self, name: str) -> None:
        if name == "feasible":
            self._forget_barred()
        super()._setting_changed(name)

    def _barred_points(self) -> list[float]:
        return [float(self._line.x[slot]) for slot in self._line.barred]

    def _forget_barred(self) -> None:
        """Remove all barred points."""
        if self._line.barred:
            self.data = self._get_data()

    def _add_pending(self, choices: Choices) -> None:
        line, losses, slots = self._line, self._losses, self._line.slots
        self.pending_points.update(choices.points)
        if choices.intervals is not None:
            losses.refresh_pending_many(line.insert_many(np.array(choices.points), choices.intervals))
            return
        known: dict[int, int] = {0: 0}
        for x, x_before in zip(choices.points, choices.before, strict=True):
            before = slots.get(x_before) or 0
            if before not in known:
                known[before] = line.evaluated_before(before)
            slot = line.insert(x, before)
            known[slot] = known[before]
            losses.refresh_pending(slot, known[before])

    def tell_pending(self, x: float) -> None:
        """Mark ``x`` as pending, so that it is not proposed again.

        Pending and known points are ignored.
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
        """Remove all pending points."""
        self._losses.remove_pending([self._line.slots[x] for x in self.pending_points])
        self.pending_points = set()

    # -- tell ------------------------------------------------------------------------------------

    def tell(self, x: float, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x``; known points are ignored.

        Parameters
        ----------
        x : float
            Any finite number, proposed or not, including numbers outside the bounds.
        y : float, sequence of float, or Infeasible

        Raises
        ------
        TypeError, ValueError
            If x is not a finite number, or y is not a number or a vector of the same length as before.
        """
        x = checked_point(x)
        value: Value
        if type(y) is float and self._shape == ():
            value = y
        elif isinstance(y, Infeasible):
            self._fail(x, y.reason)
            return
        else:
            value = self._fitted(x, checked_value(y, x))
        if self._nan is not None and self._has_no_value(value):
            self._fail(x, NAN_REASON)
            return
        slot = self._line.slots.get(x)
        if slot is not None and not self._line.is_pending(slot):
            if slot in self._line.barred:
                self._forget_barred()
                value = self._fitted(x, checked_value(y, x))  # the line is a new one
            elif x not in self._infeasible:
                return
            self._forget_points([x])
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
        """Tell the values ``ys`` of the function at ``xs``.

        If the number of results is at least half that of the known ones, the losses of all intervals are computed
        again.

        Parameters
        ----------
        xs : iterable of float, length n
        ys : iterable of float, or of sequences of float; length n
        force : bool, default: False
            Always compute all losses again.

        Raises
        ------
        TypeError, ValueError
            As in `tell`, or if there are not as many values as points. Then nothing is told.
        """
        if not force and self._are_few_and_plain(xs, ys):
            for x, y in zip(xs, ys, strict=True):
                Learner1D.tell(self, x, y)
            return
        points = checked_points(xs)
        points, ys, failed = self._feasible_part(points, ys)
        values, shape = checked_values(ys, points, self._shape)
        if self._nan is not None and np.isnan(values).any():
            bad = np.isnan(values).any(axis=1)
            failed += [(points[i], NAN_REASON) for i in np.flatnonzero(bad).tolist()]
            points, values = [points[i] for i in np.flatnonzero(~bad).tolist()], values[~bad]
        if self._infeasible:
            self._forget_points(points)
        if self._line.barred and not set(self._line.barred).isdisjoint(map(self._line.slots.get, points)):
            self._forget_barred()
        self._tell_values(points, values, shape, force)
        for x, reason in failed:
            self._fail(x, reason)

    def _feasible_part(
        self, points: list[float], ys: Iterable[Any]
    ) -> tuple[list[float], Iterable[Any], list[tuple[float, str]]]:
        """Return the points with a value, and the others with the reasons."""
        if isinstance(ys, np.ndarray) and ys.dtype != object:
            return points, ys, []
        ys = list(ys)
        if Infeasible not in set(map(type, ys)) and not any(isinstance(y, Infeasible) for y in ys):
            return points, ys, []
        pairs = paired(points, ys)
        rest = [(x, y) for x, y in pairs if not isinstance(y, Infeasible)]
        failed = [(x, y.reason) for x, y in pairs if isinstance(y, Infeasible)]
        return [x for x, _ in rest], [y for _, y in rest], failed

    def _fail(self, x: float, reason: str) -> None:
        """Record that the function has no value at a point."""
        slot = self._line.slots.get(x)
        if slot is not None and not self._line.is_pending(slot):
            if slot not in self._line.barred:
                return
            self._forget_barred()
        if self._line.y is None:
            self._line.reserve_y(1)
        slot = self._place(x)
        self._infeasible.put(x, reason)
        self._write_nan(slot)
        if self._bounds[0] <= x <= self._bounds[1]:
            self._losses.refresh_around(slot)

    def _write_nan(self, slot: int) -> None:
        line = self._line
        assert line.y is not None
        line.y[slot] = math.nan
        line.failed[slot] = True
        line.mark_evaluated(slot)

    def _tell_values(
        self, points: list[float], values: NDArray[np.float64], shape: tuple[int, ...], force: bool
    ) -> None:
        if not points:
            if force and self.npoints:
                self._tell_anew([], values)
            return
        if self._shape is None:
            self._set_shape(shape)
        anew = force or (len(points) > 0.5 * self.npoints and len(points) > 2)
        if not anew and (len(points) < _FEW or not self._scale.spans_bounds):
            for x, value in zip(points, values.reshape(-1, *shape) if shape else values[:, 0].tolist(), strict=True):
                Learner1D.tell(self, x, value)
            return
        new = self._not_known(points)
        if len(new) < len(points):
            points, values = [points[i] for i in new], values[new]
        if force or (anew and new):
            self._tell_anew(points, values)
        elif new:
            self._tell_batch(points, values)

    def _are_few_and_plain(self, xs: Iterable[float], ys: Iterable[Any]) -> bool:
        """Return True for a few finite numbers, which `tell` takes one by one without a check of all of them before."""
        if not (isinstance(xs, list | tuple) and isinstance(ys, list | tuple) and len(xs) == len(ys) < _FEW):
            return False
        if self._shape != () or 2 * len(xs) > self.npoints:
            return False
        return all(type(each) is float and math.isfinite(each) for each in (*xs, *ys))

    def _tell_batch(self, points: list[float], values: NDArray[np.float64]) -> None:
        line = self._line
        self.pending_points.difference_update(points)
        slots = np.array([line.slots.recent.get(x) or self._place(x) for x in points], dtype=np.intp)
        assert line.y is not None
        line.y[slots] = values
        line.mark_many_evaluated(slots)
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
        """Return the indices of points that are not evaluated and occur for the first time."""
        line, seen, new = self._line, set(), []
        slots = {line.slots.recent.get(x, 0) for x in points}
        if len(slots) == len(points) and (line.right[list(slots)] == PENDING).all():
            return list(range(len(points)))  # as usual, they were asked for
        for i, x in enumerate(points):
            slot = line.slots.get(x)
            if x not in seen and (slot is None or line.is_pending(slot)):
                seen.add(x)
                new.append(i)
        return new

    def _place(self, x: float) -> int:
        """Return the slot of a point that was pending or is new."""
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
        """Return a value in the form of the line: a number, or a flat array of the same length as before."""
        shape = self._shape
        if shape is None:
            shape = np.shape(value)
            self._set_shape(shape)
        elif shape == () and type(value) is float:
            return value
        value = in_shape(value, shape, x)
        return value.reshape(-1) if isinstance(value, np.ndarray) else value

    def plot(self, *, scatter_or_line: Literal["scatter", "line"] = "scatter", **options: Any) -> Any:
        """Draw the points, or lines between them; see `adaptive_dask.plotting.learner1D.draw`."""
        return super().plot(scatter_or_line=scatter_or_line, **options)

    # -- copies ----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        xs, ys = self._data.arrays()
        slots = self._line.told[: len(xs)]
        return {
            "function": ByValue(self.function),
            "settings": wrapped(self._settings()),
            "xs": xs,
            "ys": ys,
            "infeasible": dict(self._infeasible),
            "shape": self._shape,
            "losses": self._losses.known[slots],
            "scale": self._scale,
            "recompute_factor": self._losses.recompute_factor,
            "kinds": {"_whole": self._whole, "_periodic": self._periodic},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        settings = state.get("settings")
        if settings is None:  # state from before 0.1
            settings = {"bounds": state["bounds"], "loss_per_interval": cloudpickle.loads(state["loss_per_interval"])}
        Learner1D.__init__(self, state["function"], **unwrapped(settings))
        for name, value in state.get("kinds", {}).items():
            if value:
                setattr(self, name, value)
        if len(state["xs"]):
            # Until 0.1, a state contained only whether values are arrays.
            shape = state["shape"] if "shape" in state else state["ys"].shape[1:] if state["as_arrays"] else ()
            reasons = state.get("infeasible", {})
            if shape is None:  # none of the points has a value
                self.tell_many(reasons.keys(), map(Infeasible, reasons.values()))
            else:
                self._tell_values(state["xs"].tolist(), state["ys"], shape, force=True)
            for x, reason in reasons.items():
                self._infeasible.put(x, reason)
                self._line.failed[self._line.slots[x]] = True
            vars(self._scale).update(vars(state["scale"]))
            if self._feasible is None:
                self._losses.restore(state["losses"])
            else:  # losses depend on barred points
                self._losses.refresh_all()
        self._losses.recompute_factor = state["recompute_factor"]
