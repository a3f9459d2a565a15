"""Pictures of a Learner1D: its points, or the lines between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.plotting.backend import COLORS, load_holoviews, with_options

if TYPE_CHECKING:
    from adaptive_dask.learner.learner1D import Learner1D

# A browser is slow with more points than that; and there are not so many pixels.
MOST_POINTS = 100_000

# Around the data, as a share of their width, so that the bounds' points can be seen.
MARGIN = 0.05

Floats = NDArray[np.float64]


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
        Points, or straight lines from point to point.
    most_points : int, default: 100,000
        Of more points than that, only the highest and the lowest in each of ``most_points / 2`` groups
        of neighbours are drawn, and the title says so.

    Returns
    -------
    holoviews.Overlay
        With one element for each component of the function's values. Values that are not finite are
        left out.

    Raises
    ------
    ValueError
        If an argument makes no sense.
    ImportError
        If HoloViews is not installed.
    """
    if scatter_or_line not in ("scatter", "line"):
        raise ValueError(f'scatter_or_line takes "scatter" or "line", not {scatter_or_line!r}.')
    if most_points < 2:
        raise ValueError(f"most_points takes 2 or more, not {most_points!r}.")
    holoviews = load_holoviews()
    kind = holoviews.Scatter if scatter_or_line == "scatter" else holoviews.Curve
    table = learner.to_numpy() if learner.npoints else np.empty((0, 2))
    components = table[:, 1:].T
    elements = []
    for i, values in enumerate(components):
        x, y = thin(*_finite(table[:, 0], values), most_points)
        label = f"y[{i}]" if len(components) > 1 else ""
        element = kind((x, y), "x", "y", label=label)
        diameter = 4.0 if scatter_or_line == "scatter" else None
        elements.append(with_options(element, color=COLORS[i % len(COLORS)], diameter=diameter))
    low, high = learner.bounds
    margin = MARGIN * (high - low)
    # One overlay whatever is in it, for a DynamicMap does not let the type of its elements change.
    overlay = holoviews.Overlay(elements).redim.range(x=(low - margin, high + margin))
    return with_options(overlay, title=_title(len(table), most_points))


def thin(x: Floats, y: Floats, most: int) -> tuple[Floats, Floats]:
    """Leave points out such that a picture looks the same.

    Parameters
    ----------
    x, y : array of shape (n,)
        Ascending in x; all finite.
    most : int
        How many points to keep at most.

    Returns
    -------
    x, y : array of shape (k,)
        With k ≤ `most`: of each group of neighbours the lowest and the highest.
    """
    if len(x) <= most:
        return x, y
    size = -(-len(x) // (most // 2))
    padding = -len(y) % size
    groups = np.append(y, np.repeat(y[-1], padding)).reshape(-1, size)
    starts = np.arange(len(groups)) * size
    kept = np.unique(np.concatenate([starts + groups.argmin(axis=1), starts + groups.argmax(axis=1)]))
    kept = kept[kept < len(x)]
    return x[kept], y[kept]


def _finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    finite = np.isfinite(y)
    return (x, y) if finite.all() else (x[finite], y[finite])


def _title(npoints: int, most: int) -> str:
    if npoints > most:
        return f"{npoints:,} points, of which {most:,} or fewer are drawn"
    return f"{npoints:,} point{'' if npoints == 1 else 's'}"
