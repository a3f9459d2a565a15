"""Plots of an AverageLearner1D: the means and their confidence intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_dask.learner.average_learner1D import AverageLearner1D
from adaptive_dask.plotting.backend import as_area, as_picture, cycle, load_holoviews, with_options
from adaptive_dask.plotting.labels import coordinate_names, counted, dimensions, title_of
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.palette import DERIVED, QUIET
from adaptive_dask.plotting.thinning import MOST_POINTS, extremes

# With more points than this, a band is drawn instead of bars.
MOST_BARS = 1000


def draw(learner: AverageLearner1D) -> Any:
    """Draw the means, straight lines between them, and their confidence intervals.

    Parameters
    ----------
    learner : AverageLearner1D

    Returns
    -------
    holoviews.Overlay
        ``Curve * Spread * ErrorBars * Scatter``. The confidence intervals (``learner.error``) are bars or, with more
        than 1,000 points, the band; the other one is empty. A point with one sample has no error. Of more than 100,000
        points, the highest and lowest of each group of neighbours are drawn; the title contains the numbers.
    """
    holoviews = load_holoviews()
    (x_axis,), y_axis = dimensions(learner.function, *coordinate_names(1), is_pair=True)
    rows = [(x, y, learner.error[x]) for x, y in learner.data.items()]
    table = np.array(sorted(rows), dtype=float).reshape(-1, 3)
    finite = table[np.isfinite(table[:, 1])]
    kept = finite[extremes(finite[:, 1], MOST_POINTS)]
    certain = kept[np.isfinite(kept[:, 2])]
    many = len(kept) > MOST_BARS
    band, bars = (certain, certain[:0]) if many else (certain[:0], certain)
    error_axes = [y_axis, "error"]
    points = (kept[:, 0], kept[:, 1])
    elements = [
        with_options(holoviews.Curve(points, x_axis, y_axis), color=QUIET, line_width=1),
        as_area(holoviews.Spread(tuple(band.T), x_axis, error_axes), DERIVED, 0.4),
        with_options(
            holoviews.ErrorBars(tuple(bars.T), x_axis, error_axes),
            bokeh={"line_color": DERIVED},
            matplotlib={"edgecolor": DERIVED},
        ),
        with_options(holoviews.Scatter(points, x_axis, y_axis), color=cycle(), diameter=2.0 if many else 4.0),
    ]
    left_out = len(table) - len(finite)
    title = title_of(
        len(table),
        len(kept) + left_out,
        counted(learner.nsamples, "sample"),
        f"{left_out:,} not finite" if left_out else "",
    )
    return as_picture(holoviews.Overlay(elements).redim.range(x=padded(*learner.bounds)), title, show_legend=False)
