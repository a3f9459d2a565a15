"""Learner2D: learns a function of two variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from scipy.interpolate import LinearNDInterpolator

from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.geometry.coordinates import Coordinates
from adaptive_dask.learner.geometry.failed_region import TOLERANCE
from adaptive_dask.learner.geometry.partition import Partition
from adaptive_dask.learner.geometry.region import BoxRegion
from adaptive_dask.learner.geometry.simplex_partition import SimplexPartition
from adaptive_dask.learner.geometry.simplices import Floats
from adaptive_dask.learner.interpolators import Smooth, best_in_space
from adaptive_dask.learner.losses.smooth_loss import smooth_loss
from adaptive_dask.learner.losses.triangle_rule import TriangleRule
from adaptive_dask.learner.losses.triangles import (
    TriangleLoss,
    areas,
    default_loss,
    deviations,
    minimize_triangle_surface_loss,
    resolution_loss,
    resolution_loss_function,
    thresholded_loss_function,
    triangle_loss,
    uniform_loss,
)
from adaptive_dask.learner.settings import Fixed, Setting, function_or_default
from adaptive_dask.learner.space_learner import Function, Point, SpaceLearner
from adaptive_dask.learner.triangulation import choose_point_in_triangle

__all__ = [
    "Learner2D",
    "areas",
    "choose_point_in_triangle",
    "default_loss",
    "deviations",
    "minimize_triangle_surface_loss",
    "resolution_loss",
    "resolution_loss_function",
    "thresholded_loss_function",
    "triangle_loss",
    "uniform_loss",
    "uniform_sampling",
]

uniform_sampling = uniform_loss

_WITHOUT_GRADIENTS = (uniform_loss, minimize_triangle_surface_loss, triangle_loss)

# The reported loss costs 4 µs per point. Up to the first number, it includes all points; above, their number is rounded
# down to a power of the second one, times the first.
MAX_ALWAYS_EXACT, GROWTH = 128, 1.1

# If the share of a triangle in the region exceeds this number, there may be a hidden feature. Then, the reported loss
# is at least this multiple of the square root of its share, for any values at its corners.
UNEXPLORED_SHARE, UNEXPLORED_LOSS = 1 / 64, 0.24

# The maximum number of points along each axis of a grid, by default.
MOST_GRID_POINTS = 1000


class Learner2D(SpaceLearner):
    """Learns a function f: ℝ² → ℝ^M over a rectangle.

    The evaluated points are triangulated (Delaunay), and every triangle has a loss. The next point divides the triangle
    with the largest loss, or a part of it if it has pending points.

    Parameters
    ----------
    function : callable
        Takes a tuple of two floats and returns a number or a sequence of M numbers.
    bounds : two pairs of float
        ``[(x_min, x_max), (y_min, y_max)]``, or a `Space` with two axes that vary.
    loss_per_triangle : callable, optional
        ``loss(ip) -> array`` with one loss per triangle of ``ip.tri``. ``ip`` has the attributes ``tri`` and ``values``
        of a `scipy.interpolate.LinearNDInterpolator` over the scaled rectangle, for functions such as `areas` and
        `deviations`. A loss of a triangle and its neighbours is computed where the triangulation has changed. Any other
        loss is computed for all triangles, less and less often (see `TriangleRule`).
    feasibility_tol : float, default: 0.02
        The length, as a fraction of the rectangle, to which the border of regions without values (`Infeasible`) is
        resolved.
    nan : "infeasible", optional
        If ``"infeasible"``, values with NaN count as `Infeasible`. By default, they are stored as values.
    feasible : callable, optional
        ``feasible(point)`` is False where the function is known to have no value. Such points are never proposed.

    Attributes
    ----------
    data : dict of point to value
    pending_points : set of points
    bounds : pair of pairs of float
    infeasible : mapping of point to str
        The points without a value, where ``data`` has NaN, and the reasons.
    stack_size : int, default: 10
        The minimum number of new points after which a loss of the whole triangulation is computed again.

    Raises
    ------
    ValueError
        If the bounds are not two pairs of a lower and an upper bound.

    Notes
    -----
    Points outside the rectangle are stored in ``data`` and have no influence. Values that are not finite count as
    known; the function counts as constant in the triangles around them.
    """

    bounds = Fixed()
    loss_per_triangle = Setting(function_or_default(default_loss))

    def __init__(
        self,
        function: Function,
        bounds: Sequence[Sequence[float]] | Space,
        loss_per_triangle: TriangleLoss | None = None,
        *,
        feasibility_tol: float = TOLERANCE,
        nan: Literal["infeasible"] | None = None,
        feasible: Callable[[Point], bool] | None = None,
    ) -> None:
        assert not isinstance(bounds, Space), "BaseLearner.__new__ takes it"
        region = BoxRegion(bounds)
        if len(region.bbox) != 2:
            raise ValueError(f"bounds must be two pairs of numbers, got {len(region.bbox)}. Use LearnerND for others.")
        self.feasibility_tol = feasibility_tol
        self.nan = nan
        self.feasible = feasible
        super().__init__(function, region, region.corners)
        self.bounds = region.bbox
        self.loss_per_triangle = loss_per_triangle
        self.stack_size = 10
        self._coordinates = Coordinates(region, aspect_ratio=1.0)
        self._scaled_interpolator: tuple[int, LinearNDInterpolator] | None = None
        self._reported: tuple[int, float | None] | None = None

    def _settings(self) -> dict[str, Any]:
        loss = {"loss_per_triangle": self.loss_per_triangle}
        return {"bounds": self.bounds, **loss, **self._feasibility_settings()}

    def _adjustments(self) -> dict[str, Any]:
        return {**super()._adjustments(), "stack_size": self.stack_size, "aspect_ratio": self.aspect_ratio}

    @property
    def xy_scale(self) -> Floats:
        """The size of the rectangle along x, and along y divided by the aspect ratio; shape (2,)."""
        return np.array([high - low for low, high in self.bounds]) / (1.0, self.aspect_ratio)

    @property
    def xy_mean(self) -> Floats:
        """The centre of the rectangle, shape (2,)."""
        return np.asarray(np.mean(self.bounds, axis=1))

    @property
    def aspect_ratio(self) -> float:
        """The ratio of the extents of triangles in x and in y; 1 by default.

        Use more than 1 if there is more detail along y. Changing it triangulates all points again.
        """
        ratio = self._coordinates.aspect_ratio
        assert ratio is not None
        return ratio

    @aspect_ratio.setter
    def aspect_ratio(self, ratio: float) -> None:
        if not (0 < ratio < math.inf):
            raise ValueError(f"aspect_ratio must be a positive number, got {ratio!r}.")
        if ratio != self.aspect_ratio:
            self._coordinates = replace(self._coordinates, aspect_ratio=float(ratio))
            self._scaled_interpolator = None
            self._rebuild()

    def interpolator(self, *, scaled: bool = False, smooth: Smooth = False) -> Any:
        """Return an interpolation of the data, as an object that can be pickled and does not refer to the learner.

        Parameters
        ----------
        scaled : bool, default: False
            With True, linear over the scaled rectangle: the square from -0.5 to 0.5, times the aspect ratio along y.
        smooth : bool or "auto", default: False
            With True, a Clough-Tocher interpolation, which has a continuous gradient. ``"auto"`` selects the kind that
            predicted the newest points better.

        Returns
        -------
        SpaceInterpolator
            See `adaptive_dask.learner.interpolators`. It can also be called as ``ip(x, y)``; then, the last axis of the
            result contains the components. With ``scaled=True``, a `scipy.interpolate.LinearNDInterpolator`.

        Raises
        ------
        ValueError
            If there are fewer than three points.
        """
        if not scaled:
            points, values, feasible = self._samples()
            shape, periodic = self._shape or (), self._periodic
            return best_in_space(points, values, shape, self._region, smooth, "linear", feasible, periodic)
        if self._scaled_interpolator is None or self._scaled_interpolator[0] != self.npoints:
            self._scaled_interpolator = self.npoints, self._interpolate_scaled()
        return self._scaled_interpolator[1]

    def ip(self) -> LinearNDInterpolator:
        """Return ``interpolator(scaled=True)``, under an old name of python-adaptive that scripts still use."""
        return self.interpolator(scaled=True)

    def loss(self, real: bool = True) -> float:
        """Return the largest loss of a triangle, on python-adaptive's scale; infinite until all corners have been told.

        Points are chosen by losses with gradients from the nearest neighbours. This loss uses those of the smoothest
        surface, which are larger beside parts that are not resolved. With more than 128 points, it is the loss of the
        first points told, at most a tenth fewer than all; `exact_loss` uses all points.

        Unlike in python-adaptive, `default_loss` is at least 0.24 times the square root of the largest triangle's share
        of the region, while this share is more than 1/64. A goal of 0.03 or less is therefore not reached before all
        parts of the region have been sampled.

        Parameters
        ----------
        real : bool, default: True
            With False, reduced by the expected effect of the pending points.
        """
        loss = super().loss(real)
        if not 0 < loss < math.inf or self.loss_per_triangle in _WITHOUT_GRADIENTS:
            return loss
        reported = self._reported_loss()
        known = loss if real else super().loss()
        if reported is None or not 0 < known < math.inf:
            return loss
        return reported if real else reported * loss / known

    def exact_loss(self) -> float:
        """Return `loss` of all points, in 4 µs per point; ``loss_goal`` checks it before it ends a run."""
        loss = self.loss()
        if self._reported is None or not 0 < loss < math.inf or len(self._absorbed) == self._reported[0]:
            return loss
        # `loss` reports it from now on, so that it is not computed again soon if the goal is not reached.
        self._reported = self._reported[0], self._compute_loss(len(self._absorbed))
        return self.loss()

    def _reported_loss(self) -> float | None:
        n = len(self._absorbed)
        if n > MAX_ALWAYS_EXACT:
            # The number does not depend on the grouping of results, or on the times of calls.
            steps = int(math.log(n / MAX_ALWAYS_EXACT) / math.log(GROWTH))
            n = int(MAX_ALWAYS_EXACT * GROWTH**steps)
        if self._reported is None or self._reported[0] != n:
            self._reported = n, self._compute_loss(n)
        return self._reported[1]

    def _compute_loss(self, n: int) -> float | None:
        """Return the loss of the first n points, or of all if the corners are not among them."""
        partition = self._partition
        assert isinstance(partition, SimplexPartition)
        mesh, sources = partition.mesh, np.array(partition.sources)
        n = n if sources[: len(self._bounds_points)].max() < n else len(self._absorbed)
        vertices = np.argsort(sources)
        vertices = vertices[np.searchsorted(sources[vertices], 0) : np.searchsorted(sources[vertices], n)]
        lattice, region = partition.lattice, partition.failed
        are_used_up = lattice.are_used_up if lattice is not None and lattice.is_all else None
        failed = region.vertices[vertices] if region.count else None
        places, values = mesh.points[vertices], partition.values[vertices]
        loss = smooth_loss(places, values, self.loss_per_triangle, are_used_up, failed)
        if loss is None or self.loss_per_triangle is not default_loss:
            return loss
        share = float(mesh.volumes(mesh.live_slots()).max()) / self.aspect_ratio
        return max(loss, UNEXPLORED_LOSS * math.sqrt(share)) if share > UNEXPLORED_SHARE else loss

    def inside_bounds(self, xy: Sequence[float]) -> bool:
        """Return True if a point belongs to the rectangle."""
        return super().inside_bounds(xy)

    def interpolated_on_grid(self, n: int | None = None) -> tuple[Floats, Floats, Floats]:
        """Return the data interpolated on a grid.

        Parameters
        ----------
        n : int, optional
            The number of points along each axis. By default, the smallest triangle is resolved, with at most 1000
            points, because two very close points would need more memory than there is.

        Returns
        -------
        xs, ys : arrays, shape (n,)
        values : array, shape (n, n) or (n, n, M)
            ``values[i, j]`` is at ``(xs[i], ys[j])``.
        """
        ip = self.interpolator(scaled=True)
        if n is None:
            # The side of an equilateral triangle with the area of the smallest one is 1.52 √area.
            size = math.sqrt(areas(ip).min())
            n = max(10, int(0.658 / size)) if MOST_GRID_POINTS * size > 0.658 else MOST_GRID_POINTS
        # Rounding could put a point on the boundary outside.
        line = np.linspace(-0.5, 0.5, n) * (1 - 1e-13)
        values = ip(line[:, None], line[None, :] * self.aspect_ratio)
        (x_low, x_high), (y_low, y_high) = self.bounds
        xs = line * (x_high - x_low) + (x_low + x_high) / 2
        ys = line * (y_high - y_low) + (y_low + y_high) / 2
        return xs, ys, values[..., 0] if self.vdim == 1 else values

    def plot(self, n: int | None = None, tri_alpha: float = 0.0, *, component: int | None = None) -> Any:
        """Draw an image, and triangles; see `adaptive_dask.plotting.learner2D.draw`."""
        return super().plot(n, tri_alpha, component=component)

    def _interpolate_scaled(self) -> LinearNDInterpolator:
        points, values = self._inside_data()
        if len(points) < 3:
            raise ValueError(f"Interpolation needs at least 3 points, got {len(points)}.")
        return LinearNDInterpolator(self._coordinates.scale(points), values)

    def _discard_partition(self) -> None:
        super()._discard_partition()
        self._scaled_interpolator = None

    def _new_partition(self) -> Partition:
        self._reported = None
        rule = TriangleRule(self.loss_per_triangle, lambda: self.stack_size)
        corners = np.array(self._coordinates.scale(self._bounds_points))
        lattice = self._coordinates.lattice()
        return SimplexPartition(corners, rule, lattice=lattice, tolerance=self.feasibility_tol, periodic=self._periodic)
