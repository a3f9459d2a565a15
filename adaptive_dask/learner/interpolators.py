"""Interpolators: approximations of functions by learners, as objects that can be pickled without the learner.

They take an array of n points, of shape (n,) in one dimension and (n, d) in more. They return values of shape (n,) for
a function that returns numbers, otherwise (n, …) with the shape of its values. Values are NaN outside the bounds, and
where the function probably has none. ``error(x)`` estimates the error of the values, in the same shape.
``feasibility(x)`` of shape (n,) is 1 where the function has values and 0 where it has none; values are NaN where it is
below 0.5.

SciPy is imported when it is needed: its import takes as long as that of Dask, and the learners of intervals do not need
it otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adaptive_dask.learner.across_seams import AcrossSeams
from adaptive_dask.learner.feasibility import extrapolated, signed_distances, with_border
from adaptive_dask.learner.mirror_images import MOST_MIRRORED_DIMENSIONS, with_images
from adaptive_dask.types import Array

if TYPE_CHECKING:
    from adaptive_dask.learner.geometry.region import Region


Smooth = bool | Literal["auto"]

# Kinds of interpolation are compared by their predictions from the first points, this share, of the other points.
KNOWN_FIRST = 0.75

# Radial basis functions use all points up to this number, which takes a second; above, the nearest ones of each point.
MAX_DENSE = 2000
NEIGHBORS = 64

# Rounding may put points of the boundary outside all simplices, so they are moved inside by this distance.
ROUNDING = 1e-9


class LineInterpolator:
    """A function of one variable, linear or a cubic spline between samples.

    Parameters
    ----------
    x : array of float, shape (n,)
        In ascending order.
    y : array, shape (n, m)
    shape : tuple of int
        The shape of a value of the function.
    is_smooth : bool, default: False
        If True, the function is a spline.
    noise : array, shape (n, m), optional
        The errors of the samples themselves.
    of_tuples : bool, default: False
        If True, points are tuples with one coordinate, so that arrays of them have the shape (n, 1).
    feasible : array of bool, shape (n,), optional
        True for samples with a value; the y of the others is NaN.
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        shape: tuple[int, ...],
        *,
        is_smooth: bool = False,
        noise: Array | None = None,
        of_tuples: bool = False,
        feasible: Array | None = None,
    ) -> None:
        if not len(x):
            raise ValueError("The learner needs values between its bounds before they can be interpolated.")
        self._samples = None if feasible is None or feasible.all() else (x, feasible)
        if self._samples is not None:
            x, y = with_border(x, y, self._samples[1])
        self.x, self.y = x, y
        self._shape = shape
        self._noise = noise
        self._of_tuples = of_tuples
        self._spline = None
        known = slice(None) if self._samples is None else ~np.isnan(y).any(axis=1)
        if is_smooth and len(x[known]) > 3 and np.isfinite(y[known]).all():
            from scipy.interpolate import CubicSpline

            self._spline = CubicSpline(x[known], y[known])

    @property
    def is_smooth(self) -> bool:
        """True if the function is a spline."""
        return self._spline is not None

    def __call__(self, x: Any) -> Any:
        """Return values at points of shape (n,)."""
        points = self._line(x)
        if self._spline is None:
            return self._shaped(points, self._linear(points, self.y))
        values = self._spline(points)
        if self._samples is not None:
            values[np.isnan(self._linear(points, self.y))] = np.nan
        return self._shaped(points, values)

    def feasibility(self, x: Any) -> Array:
        """Return the feasibility at points of shape (n,), from 0 to 1, with NaN outside the bounds."""
        points = self._line(x)
        places, known = self._samples or (self.x, np.ones(len(self.x)))
        shares = np.interp(points, places, known.astype(float))
        return np.where((points < places[0]) | (points > places[-1]), np.nan, shares)

    def error(self, x: Any) -> Any:
        """Return the estimated error at points of shape (n,).

        The error of linear interpolation is ``f'' (x - a) (b - x) / 2``, with f'' from neighbouring samples. The error
        of a spline is estimated by its distance from the straight lines.
        """
        points = self._line(x)
        if len(self.x) < 3:
            errors = np.full((*points.shape, self.y.shape[1]), np.inf)
        elif self._spline is not None:
            errors = np.abs(self._spline(points) - self._linear(points, self.y))
        else:
            slopes = np.diff(self.y, axis=0) / np.diff(self.x)[:, None]
            bends = np.abs(np.diff(slopes, axis=0)) / (self.x[2:] - self.x[:-2])[:, None]  # |f''| / 2
            bends = np.concatenate([bends[:1], bends, bends[-1:]])
            left = np.clip(np.searchsorted(self.x, points, side="right") - 1, 0, len(self.x) - 2)
            reach = (points - self.x[left]) * (self.x[left + 1] - points)
            errors = np.fmax(bends[left], bends[left + 1]) * np.abs(reach)[..., None]
        if self._samples is not None:
            errors = np.where(np.isnan(self._linear(points, self.y)), np.nan, errors)
        if self._noise is not None:
            errors = errors + self._linear(points, self._noise)
        return self._shaped(points, errors)

    def _line(self, x: Any) -> Array:
        points = np.asarray(x, dtype=float)
        if not self._of_tuples:
            return points
        if points.shape[-1:] != (1,):
            raise ValueError(f"x must have the shape (n, 1), got {points.shape}.")
        return points[..., 0]

    def _linear(self, points: Array, y: Array) -> Array:
        return np.stack([np.interp(points, self.x, column) for column in y.T], axis=-1)

    def _shaped(self, points: Array, values: Array) -> Any:
        values = np.array(values)
        values[(points < self.x[0]) | (points > self.x[-1])] = np.nan
        return values.reshape((*points.shape, *self._shape))


def best_line(
    x: Array,
    y: Array,
    shape: tuple[int, ...],
    bounds: tuple[float, float],
    smooth: Smooth,
    *,
    noise: Array | None = None,
    of_tuples: bool = False,
    feasible: Array | None = None,
) -> LineInterpolator:
    """Return a `LineInterpolator`; ``smooth="auto"`` selects the kind that predicted the newest samples better.

    Parameters
    ----------
    x, y, shape, noise, of_tuples, feasible
        As for `LineInterpolator`, but in the order in which they were told.
    bounds : (float, float)
        Samples outside are ignored.
    smooth : bool or "auto"
    """
    _check_smooth(smooth)
    inside = (x >= bounds[0]) & (x <= bounds[1])
    x, y = x[inside], y.reshape(len(y), math.prod(y.shape[1:]))[inside]
    order = np.argsort(x)
    known = feasible = np.ones(len(x), dtype=bool) if feasible is None else feasible[inside]
    if smooth == "auto":
        first = order[(order < KNOWN_FIRST * len(x)) & known[order]]
        rest = np.setdiff1d(order[known[order]], first)
        smooth = False
        if len(first) >= 4 and len(rest) and np.isfinite(y[known]).all():
            fits = [LineInterpolator(x[first], y[first], (y.shape[1],), is_smooth=each) for each in (False, True)]
            linear, spline = (_mean_error(fit(x[rest]), y[rest]) for fit in fits)
            smooth = spline < linear
    if noise is not None:
        noise = noise[inside][order, np.newaxis]
    return LineInterpolator(
        x[order], y[order], shape, is_smooth=smooth, noise=noise, of_tuples=of_tuples, feasible=feasible[order]
    )


class SpaceInterpolator:
    """A function of several variables, interpolated by SciPy, with attributes of SciPy's object such as ``tri``.

    Parameters
    ----------
    points : array, shape (n, d)
        In the order in which they were told.
    values : array, shape (n, m)
    shape : tuple of int
        The shape of a value of the function.
    region : Region
        Values outside are NaN.
    kind : "linear", "nearest", "clough-tocher" or "radial"
    feasible : array of bool, shape (n,), optional
        True for points with a value; values of the others are NaN.
    periodic : tuple of bool, optional
        The axes along which the function is periodic. Points beyond a seam are used as well.
    to_bounds : bool, default: False
        Extrapolate up to the bounds, in up to three dimensions, if there are no points on them.

    Attributes
    ----------
    kind : str
    """

    def __init__(
        self,
        points: Array,
        values: Array,
        shape: tuple[int, ...],
        region: Region,
        kind: str,
        feasible: Array | None = None,
        periodic: tuple[bool, ...] = (),
        to_bounds: bool = False,
    ) -> None:
        self._periodic = periodic
        self._region = region
        self._to_bounds = to_bounds and points.shape[1] <= MOST_MIRRORED_DIMENSIONS
        self._shares: Any = None
        if feasible is not None and not feasible.all():
            low, high = np.array(region.bbox, dtype=float).T
            distances = signed_distances((points - low) / (high - low), feasible, periodic)
            shares = np.column_stack((np.where(feasible, distances, 0.0), np.abs(distances)))
            kinds = ("nearest" if kind == "nearest" else "linear", "nearest")
            self._shares = [self._fitted(each, points, shares, are_shares=True) for each in kinds]
            values = extrapolated(points, values, feasible)
        self._shape = shape
        self._points, self._values = points, values
        self._centre = points.mean(axis=0)
        self.kind = kind
        self._fit = self._fitted(kind, points, values)
        self._coarse: Any = None

    def __call__(self, *x: Any) -> Any:
        """Return values at points of shape (n, d).

        With ``d`` arrays of coordinates instead, the last axis of the result contains the components of values, as in
        SciPy's interpolators.
        """
        if len(x) > 1:
            coordinates = np.broadcast_arrays(*(np.asarray(each, dtype=float) for each in x))
            return self._at(self._fit, np.stack(coordinates, axis=-1))
        points = np.asarray(x[0], dtype=float)
        if points.shape[-1:] != self._centre.shape:
            raise ValueError(f"x must have the shape (n, {len(self._centre)}), got {points.shape}.")
        return self._at(self._fit, points).reshape((*points.shape[:-1], *self._shape))

    def error(self, x: Any) -> Any:
        """Return the estimated error, from predictions of all points by the first ones that were told."""
        points = np.asarray(x, dtype=float)
        count = int(KNOWN_FIRST * len(self._points))
        if count <= len(self._centre) + 1:
            return np.full((*points.shape[:-1], *self._shape), np.inf)
        if self._coarse is None:
            coarse = self._fitted(self.kind, self._points[:count], self._values[:count])
            missed = np.abs(self._at(coarse, self._points[count:]) - self._values[count:])
            self._coarse = coarse, 0.5 * _median(missed)
        coarse, typical = self._coarse
        errors = np.abs(self._at(coarse, points) - self._at(self._fit, points))
        return np.maximum(errors, typical).reshape((*points.shape[:-1], *self._shape))

    def feasibility(self, x: Any) -> Array:
        """Return the feasibility at points of shape (n, d), from 0 to 1, with NaN outside the bounds."""
        points = np.asarray(x, dtype=float)
        if self._shares is None:
            inside = self._region.contain(points.reshape(-1, points.shape[-1]))
            return np.where(inside, 1.0, np.nan).reshape(points.shape[:-1])
        parts, near = (self._placed(fit, points) for fit in self._shares)
        shares, near = (each[..., 0] / each[..., 1] for each in (parts, near))
        # Outside all points, the nearest one is used.
        return np.clip(np.where(np.isnan(shares), near, shares), 0.0, 1.0)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._fit, name)

    def _fitted(self, kind: str, points: Array, values: Array, *, are_shares: bool = False) -> Any:
        if self._to_bounds and kind in ("linear", "clough-tocher"):
            count = len(points)
            points, numbers = with_images(points, self._region.bbox, self._periodic)
            values = values[numbers]
            if not are_shares:
                values = extrapolated(points, values, np.arange(len(points)) < count)
        # With points on a seam, linear interpolation in the plane is the same on both sides. Boxes have none there.
        is_same = kind == "linear" and points.shape[1] == 2 and not self._to_bounds
        if any(self._periodic) and not is_same:
            return AcrossSeams(partial(_fit, kind), points, values, self._region.bbox, self._periodic)
        return _fit(kind, points, values)

    def _at(self, fit: Any, points: Array) -> Array:
        values = self._placed(fit, points)
        if self._shares is not None:
            values[~(self.feasibility(points) >= 0.5)] = np.nan
        return values

    def _placed(self, fit: Any, points: Array) -> Array:
        flat = points.reshape(-1, points.shape[-1])
        values = np.array(fit(flat))
        inside = self._region.contain(flat)
        values[~inside] = np.nan
        lost = np.flatnonzero(inside & np.isnan(values).all(axis=1))
        if len(lost):
            values[lost] = fit(self._centre + (flat[lost] - self._centre) * (1 - ROUNDING))
        return values.reshape((*points.shape[:-1], values.shape[1]))


def _median(missed: Array) -> Array:
    known = np.where(np.isnan(missed).all(axis=0), 0.0, missed)
    return np.asarray(np.nan_to_num(np.nanmedian(known, axis=0)))


def _fit(kind: str, points: Array, values: Array) -> Any:
    if kind == "radial":
        return _Radial(points, values)
    from scipy import interpolate

    classes = {
        "linear": interpolate.LinearNDInterpolator,
        "nearest": interpolate.NearestNDInterpolator,
        "clough-tocher": interpolate.CloughTocher2DInterpolator,
    }
    return classes[kind](points, values, rescale=True)


class _Radial:
    """Cubic radial basis functions of scaled coordinates."""

    def __init__(self, points: Array, values: Array) -> None:
        from scipy.interpolate import RBFInterpolator

        self.low, self.width = points.min(axis=0), np.ptp(points, axis=0)
        finite = np.isfinite(values).all(axis=1)
        neighbors = None if len(points) <= MAX_DENSE else NEIGHBORS
        scaled = (points[finite] - self.low) / self.width
        self._fit = RBFInterpolator(scaled, values[finite], neighbors=neighbors, kernel="cubic")

    def __call__(self, points: Array) -> Array:
        return np.asarray(self._fit((points - self.low) / self.width))


def best_in_space(
    points: Sequence[tuple[float, ...]],
    values: Array,
    shape: tuple[int, ...],
    region: Region,
    smooth: Smooth,
    plain: str,
    feasible: Array | None = None,
    periodic: tuple[bool, ...] = (),
    *,
    to_bounds: bool = False,
) -> SpaceInterpolator | LineInterpolator:
    """Return a `SpaceInterpolator` or, in one dimension, a `LineInterpolator`.

    Parameters
    ----------
    points, values, shape, region, periodic, to_bounds
        As for `SpaceInterpolator`.
    smooth : bool or "auto"
        ``"auto"`` selects the kind that predicted the newest points better.
    plain : str
        The kind that is not smooth.
    feasible : array of bool, shape (n,), optional
        As for `SpaceInterpolator`.

    Raises
    ------
    ValueError
        If there are too few points, or `smooth` is invalid.
    """
    _check_smooth(smooth)
    coordinates = np.array(points, dtype=float).reshape(len(points), len(region.bbox))
    if coordinates.shape[1] == 1:
        return best_line(coordinates[:, 0], values, shape, region.bbox[0], smooth, of_tuples=True, feasible=feasible)
    needed = coordinates.shape[1] + 1
    if len(coordinates) < needed:
        raise ValueError(f"Interpolation needs at least {needed} points, got {len(points)}.")
    better = "clough-tocher" if coordinates.shape[1] == 2 else "radial"
    if smooth == "auto":
        count = int(KNOWN_FIRST * len(coordinates))
        smooth = False
        if count > 2 * needed:
            fits = [
                SpaceInterpolator(
                    coordinates[:count],
                    values[:count],
                    (values.shape[1],),
                    region,
                    kind,
                    None if feasible is None else feasible[:count],
                    periodic,
                    to_bounds,
                )
                for kind in (plain, better)
            ]
            linear, curved = (_mean_error(fit(coordinates[count:]), values[count:]) for fit in fits)
            smooth = curved < linear
    kind = better if smooth else plain
    return SpaceInterpolator(coordinates, values, shape, region, kind, feasible, periodic, to_bounds)


def _check_smooth(smooth: Any) -> None:
    if smooth not in (True, False, "auto"):
        raise ValueError(f'smooth must be True, False or "auto", got {smooth!r}.')


def _mean_error(predicted: Array, values: Array) -> float:
    missed = np.abs(predicted - values)
    missed = missed[np.isfinite(missed)]
    return float(np.mean(missed)) if len(missed) else np.inf
