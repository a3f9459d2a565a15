"""The same pictures in space as `learnerND_space`, with Plotly: they can be turned."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import ConvexHull

from adaptive_dask.plotting.backend import in_lines
from adaptive_dask.plotting.labels import title_of
from adaptive_dask.plotting.learnerND_space import axes_of, corners_of, edges_of, outside, triangulated
from adaptive_dask.plotting.level_set import level_set
from adaptive_dask.plotting.palette import COLOR_MAP, COLORS, QUIET

if TYPE_CHECKING:
    from adaptive_dask.learner.learnerND import LearnerND


def load_plotly() -> Any:
    """Plotly.

    Raises
    ------
    ImportError
        If it is not installed; says how to install it.
    """
    try:
        importlib.import_module("plotly.graph_objects")
        return importlib.import_module("plotly")
    except ImportError as error:
        raise ImportError(
            f"This picture needs Plotly ({error}). Install it with pip install plotly, or give backend='matplotlib'."
        ) from error


def points_figure(learner: LearnerND, with_triangulation: bool) -> Any:
    """The points, coloured by value, and the edges of the simplices; a ``plotly.graph_objects.Figure``."""
    graphs = load_plotly().graph_objects
    data, simplices = triangulated(learner)
    points, values = data.originals, data.values[:, 0]
    figure, remark = graphs.Figure(), ""
    if with_triangulation:
        ends, n_edges = edges_of(points, simplices)
        gaps = np.full((len(ends), 1, 3), np.nan)
        x, y, z = np.concatenate([ends, gaps], axis=1).reshape(-1, 3).T
        line = {"color": QUIET, "width": 1}
        figure.add_trace(graphs.Scatter3d(x=x, y=y, z=z, mode="lines", line=line, hoverinfo="none"))
        if n_edges > len(ends):
            remark = f"the longest {len(ends):,} of {n_edges:,} edges are drawn"
    finite = np.isfinite(values)
    value_label = axes_of(learner)[1].pprint_label
    marker = {"size": 3, "color": values[finite], "colorscale": COLOR_MAP, "colorbar": {"title": value_label}}
    x, y, z = points[finite].T
    figure.add_trace(graphs.Scatter3d(x=x, y=y, z=z, mode="markers", marker=marker))
    if not finite.all():
        x, y, z = points[~finite].T
        marker = {"size": 3, "color": COLORS[1], "symbol": "square"}
        figure.add_trace(graphs.Scatter3d(x=x, y=y, z=z, mode="markers", marker=marker))
    left_out = f"{int((~finite).sum()):,} not finite (squares)" if not finite.all() else ""
    title = title_of(learner.npoints, len(points) + outside(learner, data), left_out, remark)
    return _laid_out(figure, learner, title)


def isosurface_figure(learner: LearnerND, level: float, hull_opacity: float) -> Any:
    """The surface of one value in the region's hull; a ``plotly.graph_objects.Figure``."""
    graphs = load_plotly().graph_objects
    data, simplices = triangulated(learner)
    values = data.values[:, 0]
    vertices, facets = level_set(data.originals, values, simplices, level)
    figure = graphs.Figure()
    if len(facets):
        figure.add_trace(_mesh(graphs, vertices, facets, color=COLORS[5], flatshading=True))
    if hull_opacity:
        corners = corners_of(learner)
        hull = ConvexHull(corners)
        figure.add_trace(_mesh(graphs, corners, hull.simplices, color=QUIET, opacity=hull_opacity, hoverinfo="none"))
    remark = f"{axes_of(learner)[1].label} = {level:.6g}" if len(facets) else f"no point is at {level:.6g}"
    return _laid_out(figure, learner, title_of(learner.npoints, len(data.points) + outside(learner, data), remark))


def show(figure: Any) -> None:
    """Show a figure in a notebook.

    Raises
    ------
    RuntimeError
        If this is none.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        raise RuntimeError("A figure can be shown in a notebook only; elsewhere use return_fig=True and write_html.")
    ipython.display.display(figure)


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
