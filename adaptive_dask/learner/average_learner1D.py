"""AverageLearner1D: learns a noisy function of one real number by sampling points repeatedly."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.averaging.sampled_points import PointAttribute, SampledPoint
from adaptive_dask.learner.averaging.uncertain_points import MeanError, UncertainPoints
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import (
    as_real,
    checked_count,
    checked_fraction,
    checked_number,
    checked_point,
    checked_seed,
    checked_seeds,
    checked_size,
    paired,
)
from adaptive_dask.learner.interpolators import LineInterpolator, Smooth, best_line
from adaptive_dask.learner.interval_learner import IntervalLearner
from adaptive_dask.learner.intervals.choice import choose
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.learner.settings import Setting

__all__ = ["AverageLearner1D"]

Point = tuple[int, float]


class AverageLearner1D(IntervalLearner):
    """Learns the mean of a noisy function f: ℝ → ℝ.

    A new point is sampled several times. It is sampled again while the error of its mean is large relative to the
    distance to its neighbours on the graph. Otherwise, the intervals with the largest losses are divided, as by
    `Learner1D`.

    Parameters
    ----------
    function : callable
        Takes a pair ``(seed, x)`` of an integer, which is the source of randomness, and a real number; returns a
        real number.
    bounds : pair of float, or Space
        The interval on which to learn the function.
    loss_per_interval : callable, optional
        ``loss(xs, ys)`` of the means; see `Learner1D`.
    delta : float, default: 0.2
        A point is sampled again if its error is larger than ``delta`` times the distance to the nearer of its two
        neighbours on the graph. Between 0 (exclusive) and 1.
    alpha : float, default: 0.005
        The true mean is within the error of the sampled one with probability ``1 - 2 * alpha``. Between 0 and 1
        (both exclusive).
    neighbor_sampling : float, default: 0.3
        A new point gets at least this fraction of the mean number of samples of its neighbours. Between 0 (exclusive)
        and 1.
    min_samples : int, default: 50
        The minimum number of samples of each point.
    max_samples : int, optional
        The maximum number of samples of each point.
    min_error : float, default: 0
        Points with at most this error are not sampled again.

    Attributes
    ----------
    data : mapping, float → float
        The sampled points and their means, in the order of their first samples.
    pending_points : set of (int, float)
    error : mapping, float → float
        Half the width of the confidence interval of the mean, by Student's t-distribution; infinite for one sample.

    Raises
    ------
    TypeError, ValueError
        If a setting has the wrong type or is outside the range given above.

    Notes
    -----
    Points are pairs ``(seed, x)``. ``npoints`` is the number of different x, ``nsamples`` that of all samples. The
    means do not depend on the order of the samples. A point whose mean is not finite is not sampled again.

    Unlike in python-adaptive, pending samples count: asking for many points returns the points that would be proposed
    one by one with the current means.
    """

    delta = Setting(lambda value, name: checked_fraction(value, name, one_allowed=True))
    alpha = Setting(lambda value, name: checked_fraction(value, name, one_allowed=False))
    neighbor_sampling = Setting(lambda value, name: checked_fraction(value, name, one_allowed=True))
    min_samples = Setting(checked_count)
    max_samples = Setting(lambda value, name: sys.maxsize if value == math.inf else checked_count(value, name))
    min_error = Setting(lambda value, name: _checked_min_error(value))

    pending_points: set[Point]
    nsamples: int = 0
    _delta: float
    _alpha: float
    _neighbor_sampling: float
    _min_samples: int
    _max_samples: int
    _min_error: float

    def __init__(
        self,
        function: Callable[[Point], float],
        bounds: tuple[float, float] | Space,
        loss_per_interval: Callable[..., Any] | None = None,
        delta: float = 0.2,
        alpha: float = 0.005,
        neighbor_sampling: float = 0.3,
        min_samples: int = 50,
        max_samples: int = sys.maxsize,
        min_error: float = 0,
    ) -> None:
        self.delta = delta
        self.alpha = alpha
        self.neighbor_sampling = neighbor_sampling
        self.min_samples = min_samples
        self.max_samples = max_samples
        self.min_error = min_error
        self._check_numbers_of_samples()
        super().__init__(function, bounds, loss_per_interval)

    def _start_over(self) -> None:
        super()._start_over()
        self.pending_points = set()
        self._points: dict[float, SampledPoint] = {}
        self._by_slot: dict[int, SampledPoint] = {}
        self._undersampled: dict[float, SampledPoint] = {}
        self._mean_error = MeanError(self._alpha)
        self._uncertain = UncertainPoints(self._line, self._max_samples, self._min_error)
        self.error: Mapping[float, float] = PointAttribute(self._points, lambda point: point.error)
        self.nsamples = 0

    def _check_numbers_of_samples(self) -> None:
        if not 0 <= self._min_samples <= self._max_samples or self._max_samples < 1:
            raise ValueError(
                "min_samples and max_samples must satisfy 0 <= min_samples <= max_samples and max_samples >= 1, "
                f"got {self._min_samples} and {self._max_samples}."
            )

    def _setting_changed(self, name: str) -> None:
        """Compute all errors again, and find the points with too few samples."""
        if name in ("loss_per_interval", "_whole", "_periodic"):
            super()._setting_changed(name)
            return
        self._check_numbers_of_samples()
        self._mean_error = MeanError(self._alpha)
        self._uncertain = UncertainPoints(self._line, self._max_samples, self._min_error)
        self._undersampled = {}
        for x, point in self._points.items():
            if point.samples:
                point.error = self._mean_error(point.n, point.moments.std)
            if self._bounds[0] <= x <= self._bounds[1]:
                if not point.samples or self._has_too_few(point):
                    self._undersampled[x] = point
                if point.samples:
                    self._uncertain.measure(point)

    def _settings(self) -> dict[str, Any]:
        names = ("delta", "alpha", "neighbor_sampling", "min_samples", "max_samples", "min_error")
        return {**super()._settings(), **{name: getattr(self, name) for name in names}}

    def _adjustments(self) -> dict[str, Any]:
        return {**super()._adjustments(), "_recompute_losses_factor": self._recompute_losses_factor}

    # -- results ---------------------------------------------------------------------------

    @property
    def min_samples_per_point(self) -> int:
        """The smallest number of samples of a point; 0 without data."""
        return min((point.n for point in self._points.values() if point.samples), default=0)

    @property
    def rescaled_error(self) -> Mapping[float, float]:
        """The errors of the means, relative to the distance to the nearest neighbour on the graph.

        It contains only points that may be sampled again. These numbers are compared with ``delta``.
        """
        return PointAttribute(self._points, lambda point: point.relative_error)

    @property
    def _data_samples(self) -> dict[float, dict[int, float]]:
        """All samples, ``{x: {seed: y}}``, in ascending order of x."""
        return {x: self._points[x].samples for x in sorted(self.data)}

    @property
    def _number_samples(self) -> dict[float, int]:
        """The number of samples of each point, in ascending order of x."""
        return {x: self._points[x].n for x in sorted(self.data)}

    def interpolator(self, *, smooth: Smooth = False) -> LineInterpolator:
        """Return an interpolation of the means; ``error(x)`` includes their errors. See `Learner1D.interpolator`."""
        xs = np.array(list(self.data), dtype=float)
        means = np.array(list(self.data.values()), dtype=float)
        noise = np.array([self.error[x] for x in xs], dtype=float)
        return best_line(xs, means, (), self.bounds, smooth, noise=noise)

    def to_numpy(self, mean: bool = False) -> NDArray[np.float64]:
        """Return all samples as an array of shape (nsamples, 3): seed, x and y, in ascending order of x.

        Parameters
        ----------
        mean : bool, default: False
            If True, return the means instead, in an array of shape (npoints, 2).
        """
        if mean:
            return super().to_numpy()
        rows = [(seed, x, y) for x, samples in self._data_samples.items() for seed, y in samples.items()]
        return np.array(rows, dtype=float).reshape(-1, 3)

    # -- ask -------------------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the n most useful samples.

        Points with too few samples are first, then the point with the largest error, if it is larger than allowed by
        ``delta``, then a new point.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of (int, float)
            Seed and x.
        loss_improvements : list of float
            The loss beside x, multiplied by the expected relative improvement of the error at x.
        """
        n = checked_size(n)
        chosen: list[Point] = []
        improvements: list[float] = []
        while len(chosen) < n:
            needed = self._most_needed()
            if needed is None:
                break
            point, size = needed
            size = min(size, n - len(chosen))
            x, loss, k = point.x, self._loss_beside(point), len(point.samples) + len(point.pending)
            chosen += [(seed, x) for seed in point.take_seeds(size)]
            if loss < math.inf:
                improvements += [loss * (1 - math.sqrt(i / (i + 1))) for i in range(k, k + size)]
            else:
                improvements += [loss] * size
            self._uncertain.rank(point)
        self.pending_points.update(chosen)
        if not tell_pending:
            self._forget(chosen)
        return chosen, improvements

    def _most_needed(self) -> tuple[SampledPoint, int] | None:
        """Return the point that needs samples most, and the minimum number of them."""
        for point in self._undersampled.values():
            lacking = self._fewest(point) - point.n_requested
            if lacking > 0:
                return point, lacking
        if self._line.after_at[self._line.after_at[0]]:
            uncertain = self._uncertain.first(self._delta)
            if uncertain is not None:
                return uncertain, 1
        choices = choose(self._line, self._losses, self._bounds, 1, self._scale.x)
        if not choices.points:
            return None
        point = self._add_point(choices.points[0])
        return point, max(self._fewest(point) - point.n_requested, 1)

    def _has_too_few(self, point: SampledPoint) -> bool:
        """Return True if a point with samples needs more, independent of its error."""
        return len(point.samples) < self._fewest(point) and math.isfinite(point.moments.mean)

    def _fewest(self, point: SampledPoint) -> int:
        """Return the minimum number of samples of a point, including pending ones."""
        line = self._line
        left = line.left_at[point.slot] if point.samples else line.evaluated_before(line.before_at[point.slot])
        right = line.right_at[point.slot] if point.samples else line.right_at[left]
        counts = [self._by_slot[slot].n for slot in (left, right) if slot]
        average = sum(counts) / len(counts) if counts else 0.0
        # One sample has no error, so at least two are needed.
        fewest = max(self._min_samples, int(self._neighbor_sampling * average) + 1, 2)
        return min(fewest, self._max_samples)

    def _loss_beside(self, point: SampledPoint) -> float:
        line, losses = self._line, self._losses.open_at
        before = line.before_at[point.slot]
        pieces = [losses[slot] for slot in (before, point.slot) if slot and line.after_at[slot]]
        return float(sum(pieces) / len(pieces)) if len(pieces) else math.inf

    def tell_pending(self, seed_x: Any) -> None:
        """Mark a sample ``(seed, x)`` as pending, so that it is not proposed again."""
        seed, place = _checked_sample(seed_x)
        point = self._points.get(place) or self._add_point(place)
        if seed not in point.samples:
            self.pending_points.add((seed, place))
            point.pending.add(seed)
            self._uncertain.rank(point)

    def _add_point(self, x: float) -> SampledPoint:
        """Add a point without samples."""
        inside = self._bounds[0] <= x <= self._bounds[1]
        slot = self._line.insert(x) if inside else self._line.add_outside(x)
        point = self._points[x] = self._by_slot[slot] = SampledPoint(x, slot)
        if inside:
            self._losses.refresh_pending(slot)
            self._undersampled[x] = point
        return point

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self._forget(list(self.pending_points))

    def _forget(self, pending: list[Point]) -> None:
        self.pending_points.difference_update(pending)
        touched = {}
        for seed, x in pending:
            touched[x] = self._points[x]
            touched[x].forget(seed)
        gone = [point for point in touched.values() if not point.n_requested]
        for point in gone:
            del self._points[point.x], self._by_slot[point.slot]
            self._undersampled.pop(point.x, None)
        if gone:
            self._losses.remove_pending([point.slot for point in gone])
        for point in touched.values():
            if point.samples:
                self._uncertain.rank(point)

    # -- tell ------------------------------------------------------------------------------------

    def tell(self, seed_x: Any, y: Any) -> None:
        """Tell the value ``y`` of a sample ``(seed, x)``; known points are ignored.

        Parameters
        ----------
        seed_x : (int, float)
            The seed and the point. A point outside the bounds is stored and has no influence.
        y : float

        Raises
        ------
        TypeError, ValueError
            If seed_x is not a pair of an integer and a finite number, or y is not a real number.
        """
        seed, place = _checked_sample(seed_x)
        self._add_samples(place, [seed], [_checked_value(y, place)])

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any], *, force: bool = False) -> None:
        """Tell the values ``ys`` of the samples ``xs``.

        Parameters
        ----------
        xs : iterable of (int, float), length n
        ys : iterable of float, length n
        force : bool, default: False
            Compute all losses again.

        Raises
        ------
        TypeError, ValueError
            As in `tell`, or if there are not as many values as points. Then nothing is told.
        """
        samples: dict[float, tuple[list[int], list[float]]] = {}
        for x, y in paired(xs, ys):
            seed, place = x if _is_sample(x) else _checked_sample(x)
            if place not in samples:
                samples[place] = [], []
            seeds, values = samples[place]
            seeds.append(seed)
            values.append(y if type(y) is float else _checked_value(y, place))
        for place, (seeds, values) in samples.items():
            self._add_samples(place, seeds, values)
        if force:
            self._losses.refresh_all()

    def tell_many_at_point(self, x: float, seed_y_mapping: Mapping[int, float]) -> None:
        """Tell several samples at one point.

        Parameters
        ----------
        x : float
        seed_y_mapping : mapping, int → float
            The values by seed.
        """
        place = checked_point(x)
        values = [_checked_value(y, place) for y in seed_y_mapping.values()]
        self._add_samples(place, checked_seeds(seed_y_mapping), values)

    def _add_samples(self, x: float, seeds: list[int], values: list[float]) -> None:
        if not seeds:
            return
        point = self._points.get(x)
        inside = self._bounds[0] <= x <= self._bounds[1]
        if point is None:
            slot = self._line.insert(x) if inside else self._line.add_outside(x)
            point = self._points[x] = self._by_slot[slot] = SampledPoint(x, slot)
            if inside:
                self._undersampled[x] = point
        samples, moments, scale = point.samples, point.moments, self._scale
        if point.pending:
            point.pending.difference_update(seeds)
            self.pending_points.difference_update([(seed, x) for seed in seeds])
        is_new = not samples
        new: list[float] = []
        for seed, y in zip(seeds, values, strict=True):
            if seed not in samples:
                samples[seed] = y
                new.append(y)
        if not new:
            return
        self.nsamples += len(new)
        moments.extend(new)
        if inside:
            scale.include_at(x, new)
        if self._shape is None:
            self._set_shape(())
        self._line.y_at[point.slot, 0] = moments.mean
        if is_new:
            self._line.mark_evaluated(point.slot)
        point.error = self._mean_error(len(samples), moments.std)
        if not inside:
            return
        self._losses.refresh_around(point.slot)
        if scale.y > self._losses.recompute_factor * scale.recomputed_y:
            self._losses.refresh_all()
        if x in self._undersampled and not self._has_too_few(point):
            del self._undersampled[x]
        self._uncertain.measure(point)
        for slot in (self._line.left_at[point.slot], self._line.right_at[point.slot]):
            if slot:
                self._uncertain.measure(self._by_slot[slot])

    def plot(self) -> Any:
        """Draw the means and their errors; see `adaptive_dask.plotting.average_learner1D.draw`."""
        return super().plot()

    # -- copies ----------------------------------------------------------------------------------

    def _get_data(self) -> dict[float, dict[int, float]]:
        return {x: dict(self._points[x].samples) for x in self.data}

    def _assign(self, data: Mapping[float, Any]) -> None:
        for x, samples in data.items():
            if not isinstance(samples, Mapping):
                raise AttributeError(
                    "data of an AverageLearner1D must be set to samples, {x: {seed: y}}, as a mean has no number of"
                    f" samples, got {samples!r} at {x!r}. Tell samples with tell_many_at_point(x, samples)."
                )
        self._set_data(data)

    def _set_data(self, data: Mapping[float, Mapping[int, float]]) -> None:
        for x, samples in data.items():
            self.tell_many_at_point(x, samples)


# As in python-adaptive, ``isinstance(learner, Learner1D)`` is true, although `Learner1D` is not a base class.
Learner1D.register(AverageLearner1D)


def _is_sample(point: Any) -> bool:
    """Return True for a valid sample; all others are checked by `_checked_sample`."""
    if type(point) is not tuple or len(point) != 2:
        return False
    return type(point[0]) is int and type(point[1]) is float and point[1] - point[1] == 0.0


def _checked_sample(point: Any) -> Point:
    try:
        seed, x = point
    except (TypeError, ValueError):
        raise TypeError(f"A point must be a pair (seed, x), got {point!r}.") from None
    return checked_seed(seed), checked_point(x)


def _checked_value(y: Any, x: float) -> float:
    return y if type(y) is float else checked_number(y, x)


def _checked_min_error(value: Any) -> float:
    number = as_real(value, "min_error")
    if not number >= 0:
        raise ValueError(f"min_error must be 0 or more, got {value!r}.")
    return number
