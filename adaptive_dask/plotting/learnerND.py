"""Plots of a LearnerND: an image in two dimensions, slices in more, and isolines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from adaptive_dask.learner.infeasible_points import barred_points
from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.plotting.backend import as_picture, cycle, load_holoviews, with_options
from adaptive_dask.plotting.labels import component_label, coordinate_names, counted, dimensions, title_of
from adaptive_dask.plotting.learner1D import draw_columns, line_title, padded
from adaptive_dask.plotting.level_set import border_of_pixels, level_set, segments
from adaptive_dask.plotting.region_data import MOST_TRIANGULATED, Interpolation, RegionData, region_data
from adaptive_dask.plotting.surface import Surface, by_component, checked_component, draw_surface, image, pixels
from adaptive_dask.plotting.thinning import Floats

# The default number of points of a line, and of pixels of an image along each axis.
LINE_POINTS, SLICE_PIXELS = 201, 120

# In more dimensions, the value of the nearest of at most this number of points is drawn.
MOST_NEAREST = 50_000


def draw(learner: LearnerND, n: int | None = None, tri_alpha: float = 0, *, component: int | None = None) -> Any:
    """Draw the interpolation of a function of two variables, or the points of a function of one.

    Parameters and result are those of `adaptive_dask.plotting.learner2D.draw` or, in one dimension,
    `adaptive_dask.plotting.learner1D.draw`.

    Raises
    ------
    NotImplementedError
        If there are more than two dimensions.
    ValueError
        If an argument is invalid.
    """
    if learner.ndim == 1:
        return _draw_line(learner)
    if learner.ndim != 2:
        raise NotImplementedError(
            f"plot() draws functions of two variables, and this one has {learner.ndim}. "
            "Draw a slice with plot_slice, for example plot_slice({" + _example(learner) + "})."
        )
    return draw_surface(learner, n, tri_alpha, component)


def draw_slice(
    learner: LearnerND, cut_mapping: Mapping[int, float], n: int | None = None, *, component: int | None = None
) -> Any:
    """Draw the function where all but one or two coordinates have given values.

    Parameters
    ----------
    learner : LearnerND
    cut_mapping : mapping, int → float
        The values of the fixed coordinates, by number: ``{0: 1.5}`` means x = 1.5.
    n : int, optional
        Number of points of the line (201 by default), or of pixels of the image along each axis (120).
    component : int, optional
        Number of the component to draw, for a function of vectors.

    Returns
    -------
    holoviews.Overlay or holoviews.HoloMap
        A ``Curve`` for each component along a line. An ``Image`` of a plane, or for vectors without `component` a
        HoloMap of images. The values are interpolated linearly between the points nearest to the cut. In six or more
        dimensions, they are the values of the nearest point. The title contains the numbers.

    Raises
    ------
    TypeError, ValueError
        If the cut does not leave one or two free coordinates, or is out of bounds.
    """
    cut = _checked_cut(learner, cut_mapping)
    shown = getattr(learner, "shown_cut", cut)  # in the coordinates of the user
    pixels(n)
    if learner.ndim == 1:
        return _draw_line(learner, is_line=True)
    data = region_data(learner)
    unit = {i: float((value - data.low[i]) / data.width[i]) for i, value in cut.items()}
    evaluated = data.nearest_to_cut(unit, MOST_TRIANGULATED.get(data.ndim, MOST_NEAREST))
    used = data.with_barred(learner).nearest_to_cut(unit, MOST_TRIANGULATED.get(data.ndim, MOST_NEAREST))
    between = Interpolation(used)
    distances = Interpolation(used.of_distances) if used.has_gaps else None
    axes, value_axis = dimensions(learner.function, *coordinate_names(learner.ndim))
    free = [i for i in range(data.ndim) if i not in cut]
    title = title_of(
        learner.npoints,
        len(evaluated.points) + learner.npoints - len(data.points),
        ", ".join(f"{axes[i].label.strip()} = {value:.6g}" for i, value in shown.items()),
        "values of the nearest points" if between.is_nearest else "",
        "" if between.is_known else "too few to interpolate",
    )
    if len(free) == 1:
        chosen = range(learner.vdim) if component is None else [checked_component(component, learner.vdim)]
        return as_picture(_line(between, unit, data, free[0], n or LINE_POINTS, axes, value_axis, chosen), title)

    def plane(i: int) -> Any:
        low, width = data.low[free], data.width[free]
        values = _across(between, unit, free, n or SLICE_PIXELS)[..., i] if between.is_known else None
        kdims = [axes[j] for j in free]
        ranges = {axis.name: padded(a, a + b) for axis, a, b in zip(kdims, low, width, strict=True)}
        elements = [image(low, width, values, kdims, value_axis)]
        if distances is not None and distances.is_known:
            away = _across(distances, unit, free, n or SLICE_PIXELS)[..., 0]
            elements.append(border_of_pixels(low, width, away, kdims))
        overlay = load_holoviews().Overlay(elements)
        return as_picture(overlay.redim.range(**ranges), title)

    return by_component(learner.vdim, component, plane)


def draw_isolines(
    learner: LearnerND,
    level: float | Iterable[float] = 0.0,
    n: int | None = None,
    tri_alpha: float = 0,
    *,
    component: int | None = None,
) -> Any:
    """Draw a function of two variables, and lines where it has given values.

    Parameters
    ----------
    learner : LearnerND
    level : float or iterable of float, default: 0
    n, tri_alpha, component
        As for `draw`.

    Returns
    -------
    holoviews.Overlay or holoviews.HoloMap
        The plot of `draw` with all lines in white and black, which are visible on light and dark: two ``Segments``,
        ``.Path`` of the overlay. They are straight in each triangle of the image. A level without values on both sides
        has no line, and is named in the title.

    Raises
    ------
    NotImplementedError
        If there are not two dimensions.
    """
    if learner.ndim != 2:
        raise NotImplementedError(
            f"Isolines are for functions of two variables, and this one has {learner.ndim}; for three there is "
            "plot_isosurface."
        )
    levels = [float(each) for each in (level if isinstance(level, Iterable) else [level])]
    surface = Surface(learner)
    pixels(n)

    def one(i: int) -> Any:
        values = surface.data.values[:, i]
        found = {each: level_set(surface.data.originals, values, surface.triangles, each) for each in levels}
        lines = np.concatenate([np.zeros((0, 2, 2)), *(vertices[facets] for vertices, facets in found.values())])
        elements = [
            with_options(
                segments(lines, surface.axes, "Path"),
                color=color,
                line_width=width,
                bokeh={"line_cap": "round"},
            )
            for color, width in (("white", 3.0), ("black", 1.2))
        ]
        missing = [f"{each:.6g}" for each, (_, facets) in found.items() if not len(facets)]
        title = surface.title(i) + (f"; no point is at {', '.join(missing)}" if missing else "")
        return as_picture(load_holoviews().Overlay([*surface.overlay(n, tri_alpha, i), *elements]), title)

    return by_component(learner.vdim, component, one)


def _draw_line(learner: LearnerND, is_line: bool = False) -> Any:
    """Draw the points of a function of one variable, or the lines between them."""
    data = learner.to_numpy() if learner.npoints else np.empty((0, 1 + learner.vdim))
    table = data[np.argsort(data[:, 0])]
    gone = np.array([(x,) in learner.infeasible for x in table[:, 0].tolist()], dtype=bool)
    barred = np.ravel(np.array(barred_points(learner), dtype=float))
    overlay = draw_columns(learner.function, table[:, 0], table[:, 1:], is_line=is_line, gone=gone, barred=barred)
    title = line_title(table, gone=int(gone.sum()), npoints=learner.npoints)
    return as_picture(overlay.redim.range(x=padded(*learner.bbox[0])), title, show_legend=True)


def _across(between: Interpolation, cut: dict[int, float], free: list[int], n: int) -> Floats:
    """Return the values at the centres of n × n pixels, with rows along the second free coordinate."""
    line = (np.arange(n) + 0.5) / n
    points = np.empty((n, n, len(cut) + 2))
    points[..., free[0]], points[..., free[1]] = np.meshgrid(line, line)
    for i, value in cut.items():
        points[..., i] = value
    return between(points)


def _line(
    between: Interpolation,
    cut: dict[int, float],
    data: RegionData,
    free: int,
    n: int,
    axes: list[Any],
    value_axis: Any,
    components: Iterable[int],
) -> Any:
    """Draw a curve for each component, along one coordinate."""
    holoviews = load_holoviews()
    points = np.empty((n if between.is_known else 0, data.ndim))
    points[:, free] = np.linspace(0, 1, len(points))
    for i, value in cut.items():
        points[:, i] = value
    values = between(points) if between.is_known else np.empty((0, data.values.shape[1]))
    low, width = float(data.low[free]), float(data.width[free])
    axis, curves = axes[free], []
    for i in components:
        label = component_label(value_axis, i, data.values.shape[1])
        curve = holoviews.Curve((low + width * points[:, free], values[:, i]), axis, value_axis, label=label)
        curves.append(with_options(curve, color=cycle()))
    return holoviews.Overlay(curves).redim.range(**{axis.name: padded(low, low + width)})


def _checked_cut(learner: LearnerND, cut_mapping: Mapping[int, float]) -> dict[int, float]:
    try:
        cut = {int(i): float(value) for i, value in cut_mapping.items()}
    except (AttributeError, TypeError, ValueError):
        raise TypeError(
            f"cut_mapping must be values of coordinates by number, such as {{{_example(learner)}}}, "
            f"got {cut_mapping!r}."
        ) from None
    for i, value in cut.items():
        if not 0 <= i < learner.ndim:
            raise ValueError(f"keys of cut_mapping must be from 0 to {learner.ndim - 1}, got {i}.")
        low, high = learner.bbox[i]
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"coordinate {i} must be between {low} and {high}, got {value}.")
    if learner.ndim - len(cut) not in (1, 2):
        raise ValueError(
            f"cut_mapping must leave one or two of the {counted(learner.ndim, 'coordinate')} free, got values for "
            f"{len(cut)}. It could be {{{_example(learner)}}}."
        )
    return cut


def _example(learner: LearnerND) -> str:
    fixed = range(2, learner.ndim) if learner.ndim > 2 else [1]
    return ", ".join(f"{i}: {sum(learner.bbox[i]) / 2:g}" for i in fixed)
