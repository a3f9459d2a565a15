"""Measuring a simplex along the graph of the function instead of along its domain."""

from __future__ import annotations

import numpy as np

from .mesh import Simplex, SimplexMesh
from .simplices import Floats


def graph_transform(mesh: SimplexMesh, values: Floats, simplex: Simplex) -> Floats | None:
    """The linear map under which lengths around a simplex are those on the graph of the function.

    A step s changes the values by Gᵀs, with G the gradient, and is √(s·s + |Gᵀs|²) long on the graph. That is
    the length of (1 + GGᵀ)^½ s. For a scalar function this stretches along the gradient and nothing else.

    Parameters
    ----------
    mesh : SimplexMesh
    values : array, shape (n_points, vdim)
        In units in which they are comparable to the coordinates.
    simplex : tuple of int

    Returns
    -------
    array, shape (d, d), or None if there are too few values around for a gradient.
    """
    around = np.unique(mesh.vertices[mesh.attached(simplex)])
    around = around[np.isfinite(values[around]).all(axis=1)]
    if len(around) <= mesh.dim:
        return None
    points = mesh.points[around]
    centred = points - points.mean(axis=0)
    rises = values[around] - values[around].mean(axis=0)
    gradient = np.linalg.lstsq(centred, rises, rcond=None)[0]
    squares, axes = np.linalg.eigh(gradient @ gradient.T)
    return np.asarray((axes * np.sqrt(1.0 + np.maximum(squares, 0.0))) @ axes.T)
