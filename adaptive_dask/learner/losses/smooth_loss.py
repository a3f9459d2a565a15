"""The largest loss of a triangle with the gradients of the smoothest surface, as python-adaptive computes it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import Delaunay, QhullError

from adaptive_dask.learner.geometry.mesh import SimplexMesh
from adaptive_dask.learner.geometry.patch import PatchTriangulation
from adaptive_dask.learner.geometry.simplices import Floats, Ints
from adaptive_dask.learner.losses.triangles import TriangleLoss
from adaptive_dask.learner.losses.value_range import ROUNDING

# The energy of an edge is 4 a² + 4 ab + 4 b² in the slopes a and b at its ends, of which the preconditioner takes
# 4 a² + 4 b². So the condition number is 3, a step of conjugate gradients divides the error by 3.7, and after these
# it is below 1e-4.
GRADIENT_STEPS = 8

Mask = NDArray[np.bool_]


class _Smooth:
    """An interpolator in all but calling, with gradients of the smoothest surface; see `Patch`."""

    def __init__(self, tri: PatchTriangulation | Delaunay, edges: Ints, values: Floats) -> None:
        extent = float(np.ptp(values / 2, axis=0).max()) * 2
        if extent <= ROUNDING * float(np.abs(values).max()):  # the differences are rounding errors
            values, extent = np.broadcast_to(values[0], values.shape), 0.0
        extent = min(extent, float(np.finfo(float).max))
        self.unit = 2.0**-250 if extent > 1e200 else 2.0**250 if 0 < extent < 1e-200 else 1.0
        self.tri = tri
        self.values = values
        self.value_range = extent * self.unit or 1.0
        self.heights = values[tri.simplices] * self.unit
        slopes = smoothest_gradients(tri.points, edges, values * self.unit / self.value_range)
        self.gradients = slopes * self.value_range


def smooth_loss(mesh: SimplexMesh, values: Floats, loss: TriangleLoss) -> float | None:
    """The largest loss of a triangle.

    Parameters
    ----------
    mesh : SimplexMesh
        Two-dimensional, after a commit.
    values : array, shape (n_points, vdim)
        Points whose values are not finite are left out.
    loss : callable

    Returns
    -------
    float or None
        None if it cannot be computed: there are too few points, or the loss takes other interpolators only.
    """
    known: Mask = np.logical_and.reduce(np.isfinite(values), axis=1)
    if known.sum() < 4:
        return None
    try:
        losses = np.asarray(loss(_smooth_interpolator(mesh, values, known)), dtype=float)
    except (QhullError, AttributeError, TypeError):
        return None
    return float(losses.max()) if losses.size and not np.isnan(losses).any() else None


def _smooth_interpolator(mesh: SimplexMesh, values: Floats, known: Mask) -> _Smooth:
    if known.all():
        slots = mesh.live_slots()
        tri = PatchTriangulation(mesh, slots)
        return _Smooth(tri, _edges(tri.simplices, slots, mesh.neighbors[slots]), values)
    delaunay = Delaunay(mesh.points[known])
    rows = np.arange(len(delaunay.simplices))
    return _Smooth(delaunay, _edges(delaunay.simplices, rows, delaunay.neighbors), values[known])


def _edges(simplices: Ints, slots: Ints, neighbors: Ints) -> Ints:
    """The edges of triangles, shape (2, k); of two triangles that share one, the one in the later slot gives it."""
    first = neighbors < slots[:, None]
    starts, ends = simplices[:, [1, 2, 0]], simplices[:, [2, 0, 1]]
    return np.array([starts[first], ends[first]])


def smoothest_gradients(points: Floats, edges: Ints, values: Floats) -> Floats:
    """Compute the gradients with which cubic curves along all edges bend least.

    Minimises the sum over the edges of the integral of the squared second derivative (Nielson, Math. Comp. 40 (1983)
    253), by conjugate gradients.

    Parameters
    ----------
    points : array, shape (n, 2)
    edges : array of int, shape (2, k)
        The numbers of the points at both ends.
    values : array, shape (n, vdim)

    Returns
    -------
    array, shape (n, 2, vdim)
    """
    n, k = len(points), edges.shape[1]
    along = points[edges[1]] - points[edges[0]]
    lengths = np.hypot(along[:, 0], along[:, 1])
    along /= (lengths * np.sqrt(lengths))[:, None]
    # Takes gradients to the weighted slopes at the starts of all edges, and then at their ends.
    columns = (2 * edges.reshape(-1, 1) + [0, 1]).ravel()
    entries = np.concatenate([along, along]).ravel()
    slopes = csr_array((entries, columns, np.arange(0, 4 * k + 1, 2)), shape=(2 * k, 2 * n))
    back = slopes.T
    rises = (values[edges[1]] - values[edges[0]]) / (lengths * np.sqrt(lengths))[:, None]
    inverses = _inverse_blocks(n, edges, along)

    def precondition(rest: Floats) -> Floats:
        return np.asarray(inverses @ rest.reshape(n, 2, -1)).reshape(rest.shape)

    gradients = np.zeros((2 * n, values.shape[1]))
    rest = back @ (6 * np.concatenate([rises, rises]))
    direction = step = precondition(rest)
    size = (rest * step).sum(axis=0)
    for _ in range(GRADIENT_STEPS):
        slope = slopes @ direction
        image = back @ (4 * slope + 2 * np.concatenate([slope[k:], slope[:k]]))
        curvature = (direction * image).sum(axis=0)
        part = size / np.where(curvature > 0, curvature, np.inf)
        gradients += part * direction
        rest = rest - part * image
        step = precondition(rest)
        new_size = (rest * step).sum(axis=0)
        direction = step + new_size / np.where(size > 0, size, np.inf) * direction
        size = new_size
    return gradients.reshape(n, 2, -1)


def _inverse_blocks(n: int, edges: Ints, along: Floats) -> Floats:
    """Inverses of the diagonal blocks of the system for the gradients, shape (n, 2, 2)."""
    ends = edges.ravel()
    xx, xy, yy = (
        4 * np.bincount(ends, np.tile(along[:, i] * along[:, j], 2), minlength=n) for i, j in ((0, 0), (0, 1), (1, 1))
    )
    determinants = xx * yy - xy * xy
    # Of a point that belongs to no triangle.
    determinants[determinants <= 0] = np.inf
    return (np.array([yy, -xy, -xy, xx]) / determinants).T.reshape(n, 2, 2)
