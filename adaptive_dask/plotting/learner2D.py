"""Plots of a Learner2D: an image of the interpolated function, and the triangles."""

from __future__ import annotations

from typing import Any

from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.plotting.surface import draw_surface


def draw(learner: Learner2D, n: int | None = None, tri_alpha: float = 0.0, *, component: int | None = None) -> Any:
    """Draw the function, interpolated between the points.

    Parameters
    ----------
    learner : Learner2D
    n : int, optional
        Number of pixels along each axis. By default sufficient for the smallest triangle, between 100 and 400.
    tri_alpha : float, default: 0
        The opacity of the triangles' edges, between 0 and 1.
    component : int, optional
        Number of the component to draw, for a function of vectors.

    Returns
    -------
    holoviews.Overlay or holoviews.HoloMap
        ``Image * Segments * Points``. The segments are the edges, ``.EdgePaths`` of the overlay as in python-adaptive.
        For vectors without `component`, a HoloMap of overlays, which a DynamicMap cannot update. The points are those
        with values that are not finite, or all points if there are too few for an image. Of more than 50,000 points,
        the highest and lowest of each cell of a grid are used, and of more than 20,000 edges, the longest; the title
        contains the numbers.

    Raises
    ------
    ValueError
        If an argument is invalid.
    """
    return draw_surface(learner, n, tri_alpha, component, stretch=learner.aspect_ratio)
