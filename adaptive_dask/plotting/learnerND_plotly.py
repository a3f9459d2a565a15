"""The three-dimensional plots of `learnerND_space` with Plotly, which can be rotated."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.missing_module import needed
from adaptive_dask.plotting.backend import in_lines
from adaptive_dask.plotting.learnerND_space import PointsInSpace, SurfaceInSpace, axes_of, hull_of
from adaptive_dask.plotting.palette import COLOR_MAP, COLORS, QUIET


def load_plotly() -> Any:
    """Return Plotly.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to install it.
    """
    with needed("This picture needs Plotly, unless you pass backend='matplotlib'", '"adaptive_dask[plotly]"'):
        importlib.import_module("plotly.graph_objects")
        return importlib.import_module("plotly")


def points_figure(learner: LearnerND, found: PointsInSpace) -> Any:
    """Return the points, coloured by value, and the edges of the simplices; a ``plotly.graph_objects.Figure``."""
    graphs = load_plotly().graph_objects
    figure, finite = graphs.Figure(), found.is_finite
    if len(found.edges):
        gaps = np.full((len(found.edges), 1, 3), np.nan)
        x, y, z = np.concatenate([found.edges, gaps], axis=1).reshape(-1, 3).T
        line = {"color": QUIET, "width": 1}
        figure.add_trace(graphs.Scatter3d(x=x, y=y, z=z, mode="lines", line=line, hoverinfo="none"))
    bar = {"title": axes_of(learner)[1].pprint_label}
    marker = {"size": 3, "color": found.values[finite], "colorscale": COLOR_MAP, "colorbar": bar}
    x, y, z = found.points[finite].T
    figure.add_trace(graphs.Scatter3d(x=x, y=y, z=z, mode="markers", marker=marker))
    if not finite.all():
        x, y, z = found.points[~finite].T
        marker = {"size": 3, "color": COLORS[1], "symbol": "square"}
        figure.add_trace(graphs.Scatter3d(x=x, y=y, z=z, mode="markers", marker=marker))
    return _laid_out(figure, learner, found.title)


def isosurface_figure(learner: LearnerND, found: SurfaceInSpace, hull_opacity: float) -> Any:
    """Return the surface of one value in the region's hull; a ``plotly.graph_objects.Figure``."""
    graphs = load_plotly().graph_objects
    figure = graphs.Figure()
    if len(found.facets):
        figure.add_trace(_mesh(graphs, found.vertices, found.facets, color=COLORS[5], flatshading=True))
    if hull_opacity:
        corners, faces = hull_of(learner)
        figure.add_trace(_mesh(graphs, corners, faces, color=QUIET, opacity=hull_opacity, hoverinfo="none"))
    return _laid_out(figure, learner, found.title)


def _mesh(graphs: Any, points: Any, triangles: Any, **options: Any) -> Any:
    (x, y, z), (i, j, k) = np.asarray(points).T, np.asarray(triangles).T
    return graphs.Mesh3d(x=x, y=y, z=z, i=i, j=j, k=k, **options)


def _laid_out(figure: Any, learner: LearnerND, title: str) -> Any:
    names, _ = axes_of(learner)
    scene = {
        f"{which}axis": {"title": name.pprint_label, "range": list(bounds)}
        for which, name, bounds in zip("xyz", names, learner.bbox, strict=True)
    }
    figure.update_layout(title=in_lines(title).replace("\n", "<br>"), scene=scene, showlegend=False)
    return figure
