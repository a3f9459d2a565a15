"""Three-dimensional plots of a LearnerND of three variables, with Plotly or Matplotlib."""

from __future__ import annotations

import importlib
import io
import itertools
import sys
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.missing_module import needed
from adaptive_dask.plotting.backend import in_lines
from adaptive_dask.plotting.labels import coordinate_names, dimensions, title_of
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.level_set import level_set
from adaptive_dask.plotting.palette import COLOR_MAP, COLORS, QUIET
from adaptive_dask.plotting.region_data import MOST_TRIANGULATED, Interpolation, RegionData, region_data
from adaptive_dask.plotting.thinning import Floats, Indices, edges_of, longest

MOST_EDGES = 20_000

# Up to this number of points, all points have large marks.
FEW = 50

# The direction of the light, a unit vector.
LAMP = np.array([0.36, -0.48, 0.8])

# Up to this number of points, the simplices of the learner are drawn.
MOST_OWN = 30_000


def draw_points(
    learner: LearnerND, with_triangulation: bool = False, return_fig: bool = False, *, backend: str | None = None
) -> Any:
    """Draw the points of a function of three variables, coloured by value.

    Parameters
    ----------
    learner : LearnerND
    with_triangulation : bool, default: False
        Draw the edges of the simplices as well; if there are more than 20,000, the longest.
    return_fig : bool, default: False
        Return the figure instead of showing it.
    backend : {"plotly", "matplotlib"}, optional
        By default, Plotly if it is installed, as in python-adaptive, or else Matplotlib.

    Returns
    -------
    plotly.graph_objects.Figure, matplotlib.figure.Figure or None
        Of more than 30,000 points, the highest and lowest of each cell of a grid are drawn; the title contains the
        numbers.

    Raises
    ------
    NotImplementedError
        If there are not three variables, or the values are vectors.
    RuntimeError
        If the figure is to be shown and this is no notebook.
    ImportError
        If the backend is not installed.
    """
    _check(learner, "plot_3D")
    found = _points(learner, with_triangulation)
    if _uses_plotly(backend):
        from adaptive_dask.plotting.learnerND_plotly import points_figure

        return _shown(points_figure(learner, found), return_fig)
    figure, axes = _space(learner, found.title)
    points, values, finite = found.points, found.values, found.is_finite
    if len(found.edges):
        collection = _toolkit().Line3DCollection(found.edges, colors=QUIET, linewidths=0.4, alpha=0.5)
        axes.add_collection3d(collection, autolim=False)
    marks = axes.scatter(
        *points[finite].T, c=values[finite], cmap=COLOR_MAP, s=30 if len(points) < FEW else 10, depthshade=False
    )
    axes.scatter(*points[~finite].T, color=COLORS[1], s=14, marker="s", depthshade=False)
    if finite.any():
        figure.colorbar(marks, ax=axes, shrink=0.7, pad=0.1, label=axes_of(learner)[1].pprint_label)
    return _shown(figure, return_fig, is_plotly=False)


def draw_isosurface(
    learner: LearnerND,
    level: float = 0.0,
    hull_opacity: float = 0.2,
    return_fig: bool = False,
    *,
    backend: str | None = None,
) -> Any:
    """Draw the surface on which a function of three variables has a given value.

    Parameters
    ----------
    learner : LearnerND
    level : float, default: 0
    hull_opacity : float, default: 0.2
        The opacity of the region's boundary, between 0 and 1.
    return_fig : bool, default: False
        Return the figure instead of showing it.
    backend : {"plotly", "matplotlib"}, optional
        As for `draw_points`.

    Returns
    -------
    plotly.graph_objects.Figure, matplotlib.figure.Figure or None
        The surface is flat in each simplex of the learner. If all points are on one side of the level, there is no
        surface, and the title says so.

    Raises
    ------
    NotImplementedError
        If there are not three variables, or the values are vectors.
    RuntimeError
        If the figure is to be shown and this is no notebook.
    ImportError
        If the backend is not installed.
    ValueError
        If the opacity is invalid.
    """
    _check(learner, "plot_isosurface")
    if not 0 <= hull_opacity <= 1:
        raise ValueError(f"hull_opacity must be between 0 and 1, got {hull_opacity!r}.")
    found = _surface(learner, level)
    if _uses_plotly(backend):
        from adaptive_dask.plotting.learnerND_plotly import isosurface_figure

        return _shown(isosurface_figure(learner, found, hull_opacity), return_fig)
    figure, axes = _space(learner, found.title)
    polygons = _toolkit().Poly3DCollection
    triangles = found.vertices[found.facets]
    if len(triangles):
        axes.add_collection3d(polygons(triangles, facecolors=_lit(triangles), linewidths=0), autolim=False)
    if hull_opacity:
        corners, faces = hull_of(learner)
        axes.add_collection3d(polygons(corners[faces], facecolors=QUIET, alpha=hull_opacity / 2), autolim=False)
    return _shown(figure, return_fig, is_plotly=False)


class PointsInSpace(NamedTuple):
    """Points of shape (n, 3) with their values, ends of edges of shape (k, 2, 3), and the title."""

    points: Floats
    values: Floats
    is_finite: NDArray[np.bool_]
    edges: Floats
    title: str


def _points(learner: LearnerND, with_triangulation: bool) -> PointsInSpace:
    data, simplices = _triangulated(learner)
    points, values = data.originals, data.values[:, 0]
    edges = edges_of(simplices if with_triangulation else simplices[:0])
    drawn = longest(edges, points, MOST_EDGES)
    is_finite = np.isfinite(values)
    remarks = [f"{int((~is_finite).sum()):,} not finite (squares)"] * (not is_finite.all())
    if len(drawn) < len(edges):
        remarks.append(f"the longest {len(drawn):,} of {len(edges):,} edges are drawn")
    return PointsInSpace(points, values, is_finite, points[drawn], _title(learner, data, *remarks))


class SurfaceInSpace(NamedTuple):
    """Vertices of shape (n, 3), triangles as indices of vertices of shape (k, 3), and the title."""

    vertices: Floats
    facets: Indices
    title: str


def _surface(learner: LearnerND, level: float) -> SurfaceInSpace:
    data, simplices = _triangulated(learner)
    values = data.values[:, 0]
    vertices, facets = level_set(data.originals, values, simplices, level)
    remark = f"{axes_of(learner)[1].label} = {level:.6g}"
    if not len(facets):
        finite = values[np.isfinite(values)]
        between = f", but between {finite.min():.6g} and {finite.max():.6g}" if len(finite) else ""
        remark = f"no point is at {level:.6g}{between}"
    return SurfaceInSpace(vertices, facets, _title(learner, data, remark))


def _uses_plotly(backend: str | None) -> bool:
    if backend not in (None, "plotly", "matplotlib"):
        raise ValueError(f"backend must be 'plotly' or 'matplotlib', got {backend!r}.")
    return backend == "plotly" or (backend is None and find_spec("plotly") is not None)


def _check(learner: LearnerND, method: str) -> None:
    if learner.ndim != 3 or learner.vdim != 1:
        raise NotImplementedError(
            f"{method} draws a number that depends on three variables; here there are {learner.ndim}, and the value "
            f"has {learner.vdim} component{'' if learner.vdim == 1 else 's'}. plot_slice draws others."
        )


def _triangulated(learner: LearnerND) -> tuple[RegionData, Indices]:
    """Return the points and the simplices of the learner, or new simplices if it has too many or none."""
    own = learner.tri if learner.npoints <= MOST_OWN else None
    data = region_data(learner)
    if own is None:
        data = data.thinned(MOST_TRIANGULATED[3])
        return data, Interpolation(data).simplices
    number = {point: i for i, point in enumerate(map(tuple, own.vertices))}
    rows = np.array([number.get(tuple(p), -1) for p in learner.data if learner.inside_bounds(p)], dtype=np.intp)
    # points that are too close to others are not in the mesh
    row_of = np.full(len(own.vertices), -1, dtype=np.intp)
    known = np.flatnonzero(rows >= 0)
    row_of[rows[known]] = known
    simplices = row_of[np.array(list(own.simplices), dtype=np.intp).reshape(-1, 4)]
    return data, simplices[(simplices >= 0).all(axis=1)]


def _title(learner: LearnerND, data: RegionData, *remarks: str) -> str:
    # not counting points outside the region
    outside = learner.npoints - len(region_data(learner).points) if learner.npoints > len(data.points) else 0
    return title_of(learner.npoints, len(data.points) + outside, *remarks)


def axes_of(learner: LearnerND) -> tuple[list[Any], Any]:
    """Return the axes of the three coordinates, and of the value."""
    return dimensions(learner.function, *coordinate_names(3))


def _space(learner: LearnerND, title: str) -> tuple[Any, Any]:
    """Return a figure, and axes that show the whole region."""
    with needed("Drawing in space needs Matplotlib", '"adaptive_dask[notebook]"'):
        figure = importlib.import_module("matplotlib.figure").Figure(figsize=(6.5, 5.5), layout="constrained")
    axes = figure.add_subplot(projection="3d")
    for which, dimension, bounds in zip("xyz", axes_of(learner)[0], learner.bbox, strict=True):
        axes.set(**{f"{which}lim": padded(*bounds), f"{which}label": dimension.pprint_label})
    axes.set_title(in_lines(title), fontsize=10)
    return figure, axes


def hull_of(learner: LearnerND) -> tuple[Floats, Indices]:
    """Return the corners of the region, shape (k, 3), and the triangles of its surface, shape (m, 3)."""
    if isinstance(learner.bounds, ConvexHull):
        corners = np.asarray(learner.bounds.points[learner.bounds.vertices])
    else:
        corners = np.array(list(itertools.product(*learner.bbox)))
    return corners, ConvexHull(corners).simplices


def _lit(triangles: Floats) -> Floats:
    """Return the colours of illuminated triangles, the same from both sides; shape (k, 3)."""
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    facing = np.abs(normals @ LAMP) / np.where(lengths > 0, lengths, 1.0)
    color = importlib.import_module("matplotlib.colors").to_rgb(COLORS[5])
    return np.outer(0.45 + 0.55 * facing, color)


def _toolkit() -> Any:
    return importlib.import_module("mpl_toolkits.mplot3d.art3d")


def _shown(figure: Any, return_fig: bool, is_plotly: bool = True) -> Any:
    if return_fig:
        return figure
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        save = "write_html" if is_plotly else "savefig"
        raise RuntimeError(f"Figures can be shown only in a notebook. Use return_fig=True and {save}.")
    if not is_plotly:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=100)
        figure = ipython.display.Image(file.getvalue())
    ipython.display.display(figure)
    return None
