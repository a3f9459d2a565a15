"""Level sets of functions that are linear on simplices."""

from __future__ import annotations

import numpy as np

from adaptive_dask.plotting.thinning import Floats, Indices


def level_set(points: Floats, values: Floats, simplices: Indices, level: float) -> tuple[Floats, Indices]:
    """Return the segments (in triangles) or triangles (in tetrahedra) where the function equals `level`.

    A simplex is cut if some of its corners are above the level and others are not. Each edge between such corners has
    one vertex of the result, which all simplices around the edge share. The result therefore has gaps only at values
    that are not finite.

    Parameters
    ----------
    points : array of shape (n, d)
        Points, with d = 2 or 3.
    values : array of shape (n,)
        Simplices with a value that is not finite are omitted.
    simplices : array of int, shape (k, d + 1)
    level : float

    Returns
    -------
    vertices : array of shape (m, d)
    facets : array of int, shape (f, d)
        Indices of vertices.
    """
    d = points.shape[1]
    simplices = np.asarray(simplices, dtype=np.intp).reshape(-1, d + 1)
    simplices = simplices[np.isfinite(values[simplices]).all(axis=1)]
    above = values[simplices] > level
    # corners above the level first, so that there is one case for each number of them
    order = np.argsort(~above, axis=1, kind="stable")
    simplices = np.take_along_axis(simplices, order, axis=1)
    n_above = above.sum(axis=1)
    edges: list[Indices] = []
    for k in range(1, d + 1):
        cut = simplices[n_above == k]
        # the edges between corners above and below
        crossing = np.stack([cut[:, [i, j]] for i in range(k) for j in range(k, d + 1)], axis=1)
        if k * (d + 1 - k) == d:
            edges.append(crossing)
        else:  # four edges of a tetrahedron, 02 03 12 13: two triangles
            edges += [crossing[:, [0, 1, 2]], crossing[:, [1, 2, 3]]]
    facets = np.sort(np.concatenate(edges), axis=2)
    ends, numbers = np.unique(facets.reshape(-1, 2), axis=0, return_inverse=True)
    first, second = values[ends[:, 0]], values[ends[:, 1]]
    # the values differ, because one is above the level and the other is not
    share = ((level - first) / (second - first))[:, None]
    vertices = (1 - share) * points[ends[:, 0]] + share * points[ends[:, 1]]
    return vertices, numbers.reshape(-1, d)
