"""LearnerND: learns a function of any number of variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from scipy.spatial import ConvexHull

from adaptive_dask import entry
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.geometry.box_partition import BoxPartition
from adaptive_dask.learner.geometry.box_places import BoxPlaces
from adaptive_dask.learner.geometry.failed_region import TOLERANCE
from adaptive_dask.learner.geometry.partition import Partition
from adaptive_dask.learner.geometry.region import BoxRegion, HullRegion
from adaptive_dask.learner.geometry.simplex_partition import HEIGHT, SimplexPartition
from adaptive_dask.learner.geometry.simplices import Floats
from adaptive_dask.learner.geometry.triangulation_view import TriangulationView
from adaptive_dask.learner.interpolators import Smooth, best_in_space
from adaptive_dask.learner.losses.simplex_error import interpolation_loss_function
from adaptive_dask.learner.losses.simplex_rule import SimplexRule
from adaptive_dask.learner.losses.simplices import (
    curvature_loss_function,
    default_loss,
    std_loss,
    triangle_loss,
    uniform_loss,
)
from adaptive_dask.learner.losses.tagged import SimplexTraits, traits_of
from adaptive_dask.learner.settings import Fixed, Setting, function_or_default
from adaptive_dask.learner.space_learner import Function, SpaceLearner
from adaptive_dask.learner.triangulation import (
    Triangulation,
    choose_point_in_simplex,
    circumsphere,
    fast_det,
    point_in_simplex,
    simplex_volume_in_embedding,
    volume,
)
from adaptive_dask.learner.triangulation import orientation_of_simplex as orientation

__all__ = [
    "LearnerND",
    "Triangulation",
    "choose_point_in_simplex",
    "circumsphere",
    "curvature_loss_function",
    "default_loss",
    "fast_det",
    "interpolation_loss_function",
    "orientation",
    "point_in_simplex",
    "simplex_volume_in_embedding",
    "std_loss",
    "triangle_loss",
    "uniform_loss",
    "volume",
]


# With many points, a new point takes a few milliseconds to triangulate in five dimensions, and a large part of a second
# in six. In seven, the box alone has 5,040 simplices. Each further dimension multiplies this by ten.
MOST_SIMPLEX_DIMENSIONS = 5
MOST_SIMPLEX_DIMENSIONS_BY_CHOICE = 7
# Volumes are proportional to the inverse factorial of the dimension and underflow at 170.
MOST_DIMENSIONS = 100


class LearnerND(SpaceLearner):
    """Learns a function f: ℝ^N → ℝ^M.

    The evaluated points are triangulated (Delaunay), and every simplex has a loss. The next point halves the longest
    edge of the simplex with the largest loss, or of a part of it if it has pending points.

    Parameters
    ----------
    func : callable
        Takes a tuple of N floats, even if N is 1, and returns a number or a sequence of M numbers.
    bounds : list of pairs of float, scipy.spatial.ConvexHull, or Space
        One pair ``(lower, upper)`` per dimension, or the convex hull to explore.
    loss_per_simplex : callable, optional
        ``loss(simplex, values, value_scale) -> float`` with the corners, shape (N + 1, N), divided by the widths of the
        region, and their values, shape (N + 1,) or (N + 1, M), scaled by ``value_scale``. With
        ``uses_nth_neighbors(1)``, it is also called with the points opposite each face and their values, or None
        outside the region. Losses of `adaptive_dask.learner.losses` are computed for many simplices together.
    anisotropic : bool, default: False
        Measure edges along the graph of the function, with values divided by their range, to choose which one to halve.
        This makes simplices short along the gradient and long across it. By default, the graph is used only where it
        is very steep.
    triangulation_backend : {"auto", "rust"}
        There is only one: adaptive-triangulation.
    partition : {"auto", "simplices", "boxes"}
        The type of pieces of the region. Simplices interpolate, but in six and more dimensions each point is a corner
        of thousands of them, and takes seconds. Boxes take less than a millisecond per point in any number of
        dimensions. With boxes, the corners of the region are not evaluated, and losses use a linear model of the
        function and no neighbors. "auto" selects simplices up to five dimensions; more than seven are refused.
    feasibility_tol : float, default: 0.02
        The length, as a fraction of the region, to which the border of regions without values (`Infeasible`) is
        resolved.
    nan : "infeasible", optional
        If ``"infeasible"``, values with NaN count as `Infeasible`. By default, they are stored as values.
    feasible : callable, optional
        ``feasible(point)`` is False where the function is known to have no value. Such points are never proposed.

    Attributes
    ----------
    data : dict of point to value
    pending_points : set of points
    bounds : as given
    infeasible : mapping of point to str
        The points without a value, where ``data`` has NaN, and the reasons.

    Raises
    ------
    ValueError
        If the bounds are invalid, or the options cannot be combined.

    Notes
    -----
    Points outside the region are stored in ``data`` and have no influence. Values that are not finite count as known;
    the function counts as constant in the simplices around them. Of two points closer together than 1e-8 of their
    simplex, only one is triangulated.
    """

    bounds = Fixed()
    partition = Fixed(key="_kind_of_partition")
    loss_per_simplex = Setting(function_or_default(default_loss))
    anisotropic = Setting(lambda value, name: bool(value))

    def __init__(
        self,
        func: Function,
        bounds: Sequence[Sequence[float]] | ConvexHull | Space,
        loss_per_simplex: Callable[..., Any] | None = None,
        *,
        anisotropic: bool = False,
        triangulation_backend: str = "auto",
        partition: str = "auto",
        feasibility_tol: float = TOLERANCE,
        nan: Literal["infeasible"] | None = None,
        feasible: Callable[[tuple[float, ...]], bool] | None = None,
    ) -> None:
        if triangulation_backend not in ("auto", "rust"):
            raise ValueError(f"triangulation_backend must be 'auto' or 'rust', got {triangulation_backend!r}.")
        assert not isinstance(bounds, Space), "BaseLearner.__new__ takes it"
        region = HullRegion(bounds) if isinstance(bounds, ConvexHull) else BoxRegion(bounds)
        if partition not in ("auto", "simplices", "boxes"):
            raise ValueError(f"partition must be 'auto', 'simplices' or 'boxes', got {partition!r}.")
        dim = len(region.bbox)
        self.partition = partition
        self._in_boxes = partition == "boxes" or (partition == "auto" and dim > MOST_SIMPLEX_DIMENSIONS)
        if not self._in_boxes and dim > MOST_SIMPLEX_DIMENSIONS_BY_CHOICE:
            raise ValueError(
                f"Simplices in {dim} dimensions would take seconds to hours per point: "
                f"at most {MOST_SIMPLEX_DIMENSIONS_BY_CHOICE} are possible. Choose partition='boxes'."
            )
        if dim > MOST_DIMENSIONS:
            raise ValueError(f"bounds must have at most {MOST_DIMENSIONS} dimensions, got {dim}. Fix some coordinates.")
        self.feasibility_tol = feasibility_tol
        self.nan = nan
        self.feasible = feasible
        # A box in 40 dimensions has 10¹² corners, which must not be listed if they are not needed.
        super().__init__(func, region, [] if self._in_boxes else region.corners)
        self.bounds = bounds
        self.loss_per_simplex = loss_per_simplex
        self.anisotropic = anisotropic
        self._check_settings()

    @property
    def nth_neighbors(self) -> int:
        """1 if the loss function uses the points across the faces of a simplex, otherwise 0."""
        return int(traits_of(self.loss_per_simplex, SimplexTraits).nth_neighbors or 0)

    def _setting_changed(self, name: str) -> None:
        self._check_settings()
        super()._setting_changed(name)

    def _settings(self) -> dict[str, Any]:
        return {
            "bounds": self.bounds,
            "loss_per_simplex": self.loss_per_simplex,
            "anisotropic": self.anisotropic,
            "partition": self.partition,
            **self._feasibility_settings(),
        }

    def _check_settings(self) -> None:
        if self.nth_neighbors not in (0, 1):
            raise ValueError(f"nth_neighbors of a loss per simplex must be 0 or 1, got {self.nth_neighbors}.")
        if not self._in_boxes:
            return
        if isinstance(self._region, HullRegion):
            raise ValueError("bounds must not be a convex hull with boxes; give bounds, or use partition='simplices'.")
        if self.nth_neighbors or self.anisotropic:
            raise ValueError(
                "Boxes have no neighbors and no shape: in this many dimensions, use a loss without neighbors and "
                "anisotropic=False, or partition='simplices' (slow beyond five dimensions)."
            )

    @property
    def points(self) -> Floats:
        """The evaluated points, shape (npoints, N), in the order in which they were told."""
        return np.array(list(self.data), dtype=float).reshape(-1, self.ndim)

    @property
    def values(self) -> Floats:
        """The values at `points`, shape (npoints,) or (npoints, M)."""
        return np.array(list(self.data.values()), dtype=float)

    @property
    def tri(self) -> TriangulationView | None:
        """The triangulation of the evaluated points.

        It is None until all corners of the region are known, and with ``partition="boxes"``.
        """
        if self._in_boxes or not self.bounds_are_done:
            return None
        partition = self._simplex_partition()
        vertices = [self._absorbed[source] for source in partition.sources]
        mesh = partition.mesh
        slots = mesh.live_slots()
        rows, sides = np.nonzero(mesh.neighbors[slots] < 0)
        on_faces = np.ones((len(rows), self.ndim + 1), dtype=bool)
        on_faces[np.arange(len(rows)), sides] = False
        hull = set(mesh.vertices[slots[rows]][on_faces].tolist())
        return TriangulationView(vertices, set(mesh.slot_of), hull)

    def tell_pending(self, point: Sequence[float], *, simplex: Any = None) -> None:
        """Mark a point as pending, so that it is not proposed again.

        Parameters
        ----------
        point : sequence of float
        simplex : optional
            Ignored; accepted for compatibility with python-adaptive.
        """
        super().tell_pending(point)

    def interpolator(self, *, smooth: Smooth = False) -> Any:
        """Return an interpolation of the data, as an object that can be pickled and does not refer to the learner.

        Parameters
        ----------
        smooth : bool or "auto", default: False
            With False, it is linear, or the value of the nearest point from six dimensions on. With True, it is a cubic
            spline in one dimension, a Clough-Tocher interpolation in two, and consists of radial basis functions in
            more. ``"auto"`` selects the kind that predicted the newest points better. With boxes in two and three
            dimensions, values are extrapolated from the outermost points to the bounds.

        Returns
        -------
        LineInterpolator or SpaceInterpolator
            See `adaptive_dask.learner.interpolators`; it takes points of shape (n, d).

        Raises
        ------
        ValueError
            If there are too few points.
        """
        points, values, feasible = self._samples()
        plain = "linear" if self.ndim <= MOST_SIMPLEX_DIMENSIONS else "nearest"
        shape, periodic = self._shape or (), self._periodic
        to_bounds = self._in_boxes
        return best_in_space(
            points, values, shape, self._region, smooth, plain, feasible, periodic, to_bounds=to_bounds
        )

    def plot(self, n: int | None = None, tri_alpha: float = 0, *, component: int | None = None) -> Any:
        """Draw an image of a function of two variables, or a curve of one.

        See `adaptive_dask.plotting.learnerND.draw`.
        """
        return super().plot(n, tri_alpha, component=component)

    def plot_slice(
        self, cut_mapping: Mapping[int, float], n: int | None = None, *, component: int | None = None
    ) -> Any:
        """Draw a slice at fixed coordinates; see `adaptive_dask.plotting.learnerND.draw_slice`."""
        return entry("draw_slice")(self, cut_mapping, n, component=component)

    def plot_isoline(
        self,
        level: float | Iterable[float] = 0.0,
        n: int | None = None,
        tri_alpha: float = 0,
        *,
        component: int | None = None,
    ) -> Any:
        """Draw lines at given values; see `adaptive_dask.plotting.learnerND.draw_isolines`."""
        return entry("draw_isolines")(self, level, n, tri_alpha, component=component)

    def plot_3D(self, with_triangulation: bool = False, return_fig: bool = False, *, backend: str | None = None) -> Any:
        """Draw the points in space, with Plotly or Matplotlib.

        See `adaptive_dask.plotting.learnerND_space.draw_points`.
        """
        return entry("draw_points")(self, with_triangulation, return_fig, backend=backend)

    def plot_isosurface(
        self, level: float = 0.0, hull_opacity: float = 0.2, *, return_fig: bool = False, backend: str | None = None
    ) -> Any:
        """Draw an isosurface, with Plotly or Matplotlib.

        See `adaptive_dask.plotting.learnerND_space.draw_isosurface`.
        """
        return entry("draw_isosurface")(self, level, hull_opacity, return_fig, backend=backend)

    def _new_partition(self) -> Partition:
        origin = [low / (high - low) for low, high in self.bbox]
        rule = SimplexRule(self.loss_per_simplex, origin, lambda: not self._shape)
        if self._in_boxes:
            assert isinstance(self._region, BoxRegion)
            return BoxPartition(
                self.ndim,
                lambda corners, values, scale: rule.of_simplices(corners, values, scale=scale),
                self._region.spacing,
                BoxPlaces(self._coordinates.steps) if any(self._whole) else None,
                self.feasibility_tol,
            )
        corners = np.array(self._coordinates.scale(self._bounds_points))
        height = 1.0 if self.anisotropic else HEIGHT
        lattice = self._coordinates.lattice()
        return SimplexPartition(corners, rule, height, lattice, self.feasibility_tol, self._periodic)

    def _simplex_partition(self) -> SimplexPartition:
        partition = self._partition
        assert isinstance(partition, SimplexPartition)
        return partition
