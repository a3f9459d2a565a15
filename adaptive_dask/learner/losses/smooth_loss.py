"""The largest loss of a triangle with the gradients of the smoothest surface, as python-adaptive computes it."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CloughTocher2DInterpolator
from scipy.spatial import Delaunay, QhullError

from adaptive_dask.learner.geometry.simplices import Floats
from adaptive_dask.learner.losses.triangles import TriangleLoss
from adaptive_dask.learner.losses.value_range import ROUNDING


class _Smooth:
    """An interpolator in all but calling, with gradients of the smoothest surface; see `Patch`."""

    def __init__(self, tri: Delaunay, values: Floats) -> None:
        extent = float(np.ptp(values / 2, axis=0).max()) * 2
        if extent <= ROUNDING * float(np.abs(values).max()):  # the differences are rounding errors
            values, extent = np.broadcast_to(values[0], values.shape), 0.0
        extent = min(extent, float(np.finfo(float).max))
        self.unit = 2.0**-250 if extent > 1e200 else 2.0**250 if 0 < extent < 1e-200 else 1.0
        self.tri = tri
        self.values = values
        self.value_range = extent * self.unit or 1.0
        self.heights = values[tri.simplices] * self.unit
        smooth = CloughTocher2DInterpolator(tri, values * self.unit / self.value_range, tol=1e-6)
        self.gradients = smooth.grad.transpose(0, 2, 1) * self.value_range


def smooth_loss(points: Floats, values: Floats, loss: TriangleLoss) -> float | None:
    """The largest loss of a triangle.

    Parameters
    ----------
    points : array, shape (n, 2)
    values : array, shape (n, vdim)
        Points whose values are not finite are left out.
    loss : callable

    Returns
    -------
    float or None
        None if it cannot be computed: there are too few points, or the loss takes other interpolators only.
    """
    known = np.isfinite(values).all(axis=1)
    if known.sum() < 4:
        return None
    try:
        losses = np.asarray(loss(_Smooth(Delaunay(points[known]), values[known])), dtype=float)
    except (QhullError, AttributeError, TypeError):
        return None
    return float(losses.max()) if losses.size and not np.isnan(losses).any() else None
