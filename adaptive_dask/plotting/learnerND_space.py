"""Pictures of a LearnerND of three variables in space, with Plotly or Matplotlib: HoloViews has none for Bokeh."""

from __future__ import annotations

import importlib
import io
import itertools
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import ConvexHull

from adaptive_dask.plotting.backend import in_lines
from adaptive_dask.plotting.labels import coordinate_names, dimensions, title_of
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.level_set import level_set
from adaptive_dask.plotting.palette import COLOR_MAP, COLORS, QUIET
from adaptive_dask.plotting.region_data import MOST_TRIANGULATED, Interpolation, RegionData, region_data
from adaptive_dask.plotting.thinning import Floats, Indices

if TYPE_CHECKING:
    from adaptive_dask.learner.learnerND import LearnerND

MOST_EDGES = 20_000

# So few points are marked so that none is overlooked.
FEW = 50

# Where the light comes from, a unit vector.
LAMP = np.array([0.36, -0.48, 0.8])

# With more points than that the learner's own simplices are too many for a picture.
MOST_OWN = 30_000


def draw_points(
    learner: LearnerND, with_triangulation: bool = False, return_fig: bool = False, *, backend: str | None = None
) -> Any:
    """Draw the points of a function of three variables, coloured by value.

    Parameters
    ----------
    learner : LearnerND
    with_triangulation : bool, default: False
        Draw the edges of the simplices as well; of more than 20,000 the longest.
    return_fig : bool, default: False
        Return the figure instead of showing it.
    backend : {"plotly", "matplotlib"}, optional
        What to draw with; Plotly if it is installed, as python-adaptive does, else Matplotlib.

    Returns
    -------
    plotly.graph_objects.Figure, matplotlib.figure.Figure or None
        Of more than 30,000 points the highest and lowest of each
        cell of a grid are drawn; the title says so.

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
    if _uses_plotly(backend):
        from adaptive_dask.plotting import learnerND_plotly

        picture = learnerND_plotly.points_figure(learner, with_triangulation)
        return picture if return_fig else learnerND_plotly.show(picture)
    data, simplices = triangulated(learner)
    figure, axes = _space(learner)
    points, values = data.originals, data.values[:, 0]
    remark = ""
    if with_triangulation:
        edges, n_edges = edges_of(points, simplices)
        collection = _toolkit().Line3DCollection(edges, colors=QUIET, linewidths=0.4, alpha=0.5)
        axes.add_collection3d(collection, autolim=False)
        if n_edges > len(edges):
            remark = f"the longest {len(edges):,} of {n_edges:,} edges are drawn"
    finite = np.isfinite(values)
    marks = axes.scatter(
        *points[finite].T, c=values[finite], cmap=COLOR_MAP, s=30 if len(points) < FEW else 10, depthshade=False
    )
    axes.scatter(*points[~finite].T, color=COLORS[1], s=14, marker="s", depthshade=False)
    if finite.any():
        figure.colorbar(marks, ax=axes, shrink=0.7, pad=0.1, label=axes_of(learner)[1].pprint_label)
    left_out = f"{int((~finite).sum()):,} not finite (squares)" if not finite.all() else ""
    title = title_of(learner.npoints, len(points) + outside(learner, data), left_out, remark)
    axes.set_title(in_lines(title), fontsize=10)
    return _shown(figure, return_fig)


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
        The surface is flat in each of the learner's simplices. If no point is on one side of the level there is
        none, and the title says so.

    Raises
    ------
    NotImplementedError
        If there are not three variables, or the values are vectors.
    RuntimeError
        If the figure is to be shown and this is no notebook.
    ImportError
        If the backend is not installed.
    ValueError
        If the opacity makes no sense.
    """
    _check(learner, "plot_isosurface")
    if not 0 <= hull_opacity <= 1:
        raise ValueError(f"hull_opacity is between 0 and 1, not {hull_opacity!r}.")
    if _uses_plotly(backend):
        from adaptive_dask.plotting import learnerND_plotly

        picture = learnerND_plotly.isosurface_figure(learner, level, hull_opacity)
        return picture if return_fig else learnerND_plotly.show(picture)
    data, simplices = triangulated(learner)
    figure, axes = _space(learner)
    polygons = _toolkit().Poly3DCollection
    values = data.values[:, 0]
    vertices, facets = level_set(data.originals, values, simplices, level)
    triangles = vertices[facets]
    if len(triangles):
        axes.add_collection3d(polygons(triangles, facecolors=_lit(triangles), linewidths=0), autolim=False)
    if hull_opacity:
        corners = corners_of(learner)
        hull = ConvexHull(corners)
        axes.add_collection3d(
            polygons(corners[hull.simplices], facecolors=QUIET, alpha=hull_opacity / 2), autolim=False
        )
    remark = f"{axes_of(learner)[1].label} = {level:.6g}"
    if not len(facets):
        finite = values[np.isfinite(values)]
        between = f", but between {finite.min():.6g} and {finite.max():.6g}" if len(finite) else ""
        remark = f"no point is at {level:.6g}{between}"
    title = title_of(learner.npoints, len(data.points) + outside(learner, data), remark)
    axes.set_title(in_lines(title), fontsize=10)
    return _shown(figure, return_fig)


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


def triangulated(learner: LearnerND) -> tuple[RegionData, Indices]:
    """The points and the learner's own simplices; if there are too many, or none yet, those of a picture."""
    own = learner.tri if learner.npoints <= MOST_OWN else None
    data = region_data(learner)
    if own is None:
        data = data.thinned(MOST_TRIANGULATED[3])
        return data, Interpolation(data).simplices
    number = {point: i for i, point in enumerate(map(tuple, own.vertices))}
    rows = np.array([number.get(tuple(p), -1) for p in learner.data if learner.inside_bounds(p)], dtype=np.intp)
    # Points that are too close to others are not in the mesh.
    row_of = np.full(len(own.vertices), -1, dtype=np.intp)
    known = np.flatnonzero(rows >= 0)
    row_of[rows[known]] = known
    simplices = row_of[np.array(list(own.simplices), dtype=np.intp).reshape(-1, 4)]
    return data, simplices[(simplices >= 0).all(axis=1)]


def outside(learner: LearnerND, data: RegionData) -> int:
    """How many points are not in the region, and so not among the data."""
    return learner.npoints - len(region_data(learner).points) if learner.npoints > len(data.points) else 0


def axes_of(learner: LearnerND) -> tuple[list[Any], Any]:
    """The axes of the three coordinates, and of the value."""
    return dimensions(learner.function, *coordinate_names(3))


def _space(learner: LearnerND) -> tuple[Any, Any]:
    """A figure, and axes that show all of the region."""
    try:
        figure = importlib.import_module("matplotlib.figure").Figure(figsize=(6.5, 5.5), layout="constrained")
    except ImportError as error:
        raise ImportError(
            f'Drawing in space needs Matplotlib ({error}). Install it: pip install "adaptive_dask[notebook]"'
        ) from error
    axes = figure.add_subplot(projection="3d")
    for which, dimension, bounds in zip("xyz", axes_of(learner)[0], learner.bbox, strict=True):
        axes.set(**{f"{which}lim": padded(*bounds), f"{which}label": dimension.pprint_label})
    return figure, axes


def corners_of(learner: LearnerND) -> Floats:
    """The corners of the region, shape (k, 3)."""
    if isinstance(learner.bounds, ConvexHull):
        return np.asarray(learner.bounds.points[learner.bounds.vertices])
    return np.array(list(itertools.product(*learner.bbox)))


def edges_of(points: Floats, simplices: Indices) -> tuple[Floats, int]:
    """The ends of the simplices' edges, shape (k, 2, 3), and how many edges there are."""
    corners = np.sort(simplices, axis=1)
    pairs = np.unique(np.concatenate([corners[:, list(e)] for e in itertools.combinations(range(4), 2)]), axis=0)
    ends = points[pairs]
    if len(ends) > MOST_EDGES:
        lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        ends = ends[np.argpartition(-lengths, MOST_EDGES)[:MOST_EDGES]]
    return ends, len(pairs)


def _lit(triangles: Floats) -> Floats:
    """The colours of triangles under a lamp, from whichever side they are seen; shape (k, 3)."""
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    facing = np.abs(normals @ LAMP) / np.where(lengths > 0, lengths, 1.0)
    color = importlib.import_module("matplotlib.colors").to_rgb(COLORS[5])
    return np.outer(0.45 + 0.55 * facing, color)


def _toolkit() -> Any:
    return importlib.import_module("mpl_toolkits.mplot3d.art3d")


def _shown(figure: Any, return_fig: bool) -> Any:
    if return_fig:
        return figure
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        raise RuntimeError("A figure can be shown in a notebook only; elsewhere use return_fig=True and savefig.")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    ipython.display.display(ipython.display.Image(file.getvalue()))
    return None
