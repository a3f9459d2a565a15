"""The data of a learner over a region of space, as arrays, and their linear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree

from adaptive_dask.learner.feasibility import signed_distances
from adaptive_dask.learner.infeasible_points import barred_points
from adaptive_dask.learner.space_learner import SpaceLearner
from adaptive_dask.plotting.thinning import Floats, Indices, thin_cells

# The maximum number of points that are triangulated for a plot, by dimension, in one or two seconds.
MOST_TRIANGULATED = {2: 50_000, 3: 8_000, 4: 1_200, 5: 400}

# as in `adaptive_dask.learner.geometry.region`
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class RegionData:
    """The points of a learner within its bounds, and their values.

    Attributes
    ----------
    points : array of shape (n, d)
        Points, in coordinates of the unit cube.
    values : array of shape (n, m)
        Values; NaN in place of values that are not finite.
    low, width : array of shape (d,)
        Position and size of the unit cube: a point is at ``low + width * unit``.
    shares : array of shape (n,)
        1 where the function has a value, and 0 where the learner was told that it has none.
    """

    points: Floats
    values: Floats
    low: Floats
    width: Floats
    shares: Floats

    @property
    def ndim(self) -> int:
        return int(self.points.shape[1])

    @property
    def has_gaps(self) -> bool:
        """Whether the function has no value at some points."""
        return bool((self.shares == 0).any())

    @property
    def distances(self) -> Floats:
        """Distances from the border in the unit cube, negative where there is no value, shape (n,)."""
        return signed_distances(self.points, self.shares > 0)

    @property
    def of_distances(self) -> RegionData:
        """Data with the distances from the border as values."""
        return RegionData(self.points, self.distances[:, None], self.low, self.width, self.shares)

    @property
    def originals(self) -> Floats:
        """The points in the coordinates of the function."""
        return self.low + self.width * self.points

    def at(self, kept: Indices) -> RegionData:
        """Return the data of some of the points."""
        return RegionData(self.points[kept], self.values[kept], self.low, self.width, self.shares[kept])

    def thinned(self, most: int) -> RegionData:
        """Return at most this number of points: the highest and the lowest of each cell of a grid."""
        return self.at(thin_cells(self.points, self.values.sum(axis=1), most))

    def with_barred(self, learner: SpaceLearner) -> RegionData:
        """Return the data, and after these the points where ``feasible`` is false, which were not evaluated."""
        barred = np.array(barred_points(learner), dtype=float).reshape(-1, self.ndim)
        if not len(barred):
            return self
        points = np.concatenate([self.points, np.clip((barred - self.low) / self.width, 0, 1)])
        values = np.concatenate([self.values, np.full((len(barred), self.values.shape[1]), np.nan)])
        return RegionData(points, values, self.low, self.width, np.append(self.shares, np.zeros(len(barred))))

    def nearest_to_cut(self, cut: dict[int, float], most: int) -> RegionData:
        """Return the corners and the points nearest to a cut, given in coordinates of the unit cube."""
        if len(self.points) <= most:
            return self
        fixed = list(cut)
        distance = np.abs(self.points[:, fixed] - [cut[i] for i in fixed]).max(axis=1)
        distance[((self.points == 0) | (self.points == 1)).all(axis=1)] = -1.0
        return self.at(np.argpartition(distance, most)[:most])


def region_data(learner: SpaceLearner) -> RegionData:
    """Return the present data of a learner.

    Parameters
    ----------
    learner : SpaceLearner
    """
    box = np.array(learner.bbox)
    low, width = box[:, 0], box[:, 1] - box[:, 0]
    data = dict(learner.data)  # another thread may be telling results
    reasons = getattr(learner, "infeasible", {})
    shares = np.array([x not in reasons for x in data], dtype=float)
    points = np.array(list(data), dtype=float).reshape(len(data), learner.ndim)
    values = np.array(list(data.values()), dtype=float).reshape(len(data), -1 if len(data) else learner.vdim)
    unit = (points - low) / width
    inside = ((unit >= -_TOLERANCE) & (unit <= 1 + _TOLERANCE)).all(axis=1)
    hull = getattr(learner, "bounds", None)
    if isinstance(hull, ConvexHull):
        faces = hull.equations
        inside &= (points @ faces[:, :-1].T + faces[:, -1] <= _TOLERANCE * width.max()).all(axis=1)
    values[~np.isfinite(values)] = np.nan
    return RegionData(np.clip(unit[inside], 0, 1), values[inside], low, width, shares[inside])


class Interpolation:
    """Interpolation between the points: linear on simplices or, in many dimensions, of the nearest point.

    Parameters
    ----------
    data : RegionData
        A number of points that can be triangulated.
    stretch : array of shape (d,), optional
        Scale of each axis for the triangulation.

    Attributes
    ----------
    is_known : bool
        True if there are enough points.
    is_nearest : bool
    simplices : array of int, shape (k, d + 1)
        Simplices; empty if the interpolation is not linear.
    """

    def __init__(self, data: RegionData, stretch: Floats | None = None) -> None:
        self._stretch = np.ones(data.ndim) if stretch is None else stretch
        points = data.points * self._stretch
        self.is_nearest = data.ndim not in MOST_TRIANGULATED
        self.simplices: Indices = np.zeros((0, data.ndim + 1), dtype=np.intp)
        self.is_known = False
        if self.is_nearest:
            self.is_known = bool(len(points))
            self._values, self._tree = data.values, cKDTree(points)
        elif len(points) > data.ndim:
            try:
                triangulation = Delaunay(points)
            except QhullError:  # all points in one line or plane
                return
            self.is_known = True
            self.simplices = triangulation.simplices
            self._linear = LinearNDInterpolator(triangulation, data.values)

    def __call__(self, points: Floats) -> Floats:
        """Return the values at points of the unit cube.

        Parameters
        ----------
        points : array of shape (..., d)

        Returns
        -------
        array of shape (..., m)
            Values; NaN outside the simplices.
        """
        scaled = points * self._stretch
        if self.is_nearest:
            return np.asarray(self._values[self._tree.query(scaled)[1]])
        return np.asarray(self._linear(scaled))
