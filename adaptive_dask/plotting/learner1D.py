"""Plots of a Learner1D: its points, or the lines between them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from adaptive_dask.learner.infeasible_points import barred_points
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.plotting.backend import as_picture, cycle, load_holoviews, with_options
from adaptive_dask.plotting.labels import component_label, coordinate_names, counted, dimensions
from adaptive_dask.plotting.level_set import border_on_line
from adaptive_dask.plotting.thinning import MOST_POINTS, Floats, Indices, thin

# The margin around the data, as a share of their width, so that points at the bounds are visible.
MARGIN = 0.05


def draw(
    learner: Learner1D,
    *,
    scatter_or_line: Literal["scatter", "line"] = "scatter",
    most_points: int = MOST_POINTS,
) -> Any:
    """Draw the points of a Learner1D.

    Parameters
    ----------
    learner : Learner1D
    scatter_or_line : {"scatter", "line"}, default: "scatter"
        Points, or straight lines between them.
    most_points : int, default: 100,000
        If there are more points, only the highest and the lowest in each of ``most_points / 2`` groups of neighbours
        are drawn; the title contains the numbers.

    Returns
    -------
    holoviews.Overlay
        An element for each component of the function's values. Values that are not finite are omitted.
        Lines are interrupted in regions without a value, and vertical lines are the borders of these.

    Raises
    ------
    ValueError
        If an argument is invalid.
    ImportError
        If HoloViews is not installed.
    """
    if scatter_or_line not in ("scatter", "line"):
        raise ValueError(f'scatter_or_line must be "scatter" or "line", got {scatter_or_line!r}.')
    if most_points < 2:
        raise ValueError(f"most_points must be 2 or more, got {most_points!r}.")
    table = learner.to_numpy() if learner.npoints else np.empty((0, 2))
    x, columns, is_line = table[:, 0], table[:, 1:], scatter_or_line == "line"
    gone = np.array([each in learner.infeasible for each in x.tolist()], dtype=bool)
    barred = np.array(barred_points(learner), dtype=float)
    overlay = draw_columns(
        learner.function, x, columns, is_line=is_line, most_points=most_points, gone=gone, barred=barred
    )
    title = line_title(table, most_points, int(gone.sum()), learner.npoints)
    return as_picture(overlay.redim.range(x=padded(*learner.bounds)), title, show_legend=True)


def draw_columns(
    function: Any,
    x: Floats,
    columns: Floats,
    *,
    is_line: bool,
    most_points: int = MOST_POINTS,
    gone: Indices | None = None,
    barred: Floats | None = None,
) -> Any:
    """Return an element for each column of values.

    Parameters
    ----------
    function : callable
        The function, which determines the labels of the axes.
    x : array of shape (n,), ascending
    columns : array of shape (n, m)
    is_line : bool
    most_points : int
    gone : array of bool, shape (n,), optional
        True for points without a value.
    barred : array of shape (k,), optional
        Further places that have no value.

    Returns
    -------
    holoviews.Overlay
        An overlay even for a single column, because a DynamicMap does not support changes of the type of its elements.
    """
    holoviews = load_holoviews()
    if gone is not None and barred is not None and len(barred):
        x, gone = np.append(x, barred), np.append(gone, np.ones(len(barred), dtype=bool))
        columns = np.append(columns, np.full((len(barred), columns.shape[1]), np.nan), axis=0)
        order = np.argsort(x)
        x, columns, gone = x[order], columns[order], gone[order]
    (x_axis,), y_axis = dimensions(function, *coordinate_names(1))
    elements = []
    for i, values in enumerate(columns.T):
        finite = np.isfinite(values)
        if is_line and gone is not None and len(x) <= most_points:
            finite |= gone  # NaN interrupts the line
        data = thin(x[finite], values[finite], most_points)
        label = component_label(y_axis, i, columns.shape[1])
        if is_line:
            elements.append(with_options(holoviews.Curve(data, x_axis, y_axis, label=label), color=cycle()))
        else:
            element = holoviews.Scatter(data, x_axis, y_axis, label=label)
            elements.append(with_options(element, color=cycle(), diameter=4.0))
    if gone is not None and gone.any():
        elements.append(border_on_line(x, 1.0 - gone, columns, [x_axis, y_axis]))
    return holoviews.Overlay(elements)


def padded(low: float, high: float) -> tuple[float, float]:
    """Return a range with a margin on both sides."""
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def line_title(table: Floats, most: int = MOST_POINTS, gone: int = 0, npoints: int | None = None) -> str:
    """Return a title with the number of rows (x, *values), of those without a value, and of others not drawn.

    `npoints` is the number of points if it differs, because a point on the seam of a periodic axis has two rows.
    """
    title = counted(len(table) if npoints is None else npoints)
    if len(table) > most:
        title += f", of which {most:,} or fewer are drawn"
    left_out = len(table) - int(np.isfinite(table[:, 1:]).all(axis=1).sum()) - gone
    title += f"; {gone:,} infeasible" if gone else ""
    return f"{title}; {left_out:,} not finite" if left_out else title
