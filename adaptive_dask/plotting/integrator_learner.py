"""Plots of an IntegratorLearner: the samples of the integrand, and the intervals of the quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptive_dask.learner.integrator_learner import IntegratorLearner
from adaptive_dask.plotting.backend import as_area, as_picture, cycle, load_holoviews, with_options
from adaptive_dask.plotting.labels import coordinate_names, counted, dimensions, title_of
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.palette import DATA, QUIET
from adaptive_dask.plotting.thinning import MOST_POINTS, Floats, extremes

MOST_INTERVALS = 2000


def draw(learner: IntegratorLearner) -> Any:
    """Draw the samples, lines between them, and the ends of the intervals.

    Parameters
    ----------
    learner : IntegratorLearner

    Returns
    -------
    holoviews.Overlay
        ``Segments * Area * Curve * Scatter``: the ends of the intervals, the area of the integral, and the samples.
        Values that are not finite are omitted. Of more than 2,000 intervals, the widest are drawn. The title contains
        the estimates of integral and error.
    """
    holoviews = load_holoviews()
    (x_axis,), y_axis = dimensions(learner.function, *coordinate_names(1))
    table = learner.to_numpy()
    finite = table[np.isfinite(table[:, 1])]
    kept = finite[extremes(finite[:, 1], MOST_POINTS)]
    points = (kept[:, 0], kept[:, 1])
    ends = _ends(learner)
    low, high = (min(0.0, points[1].min()), max(0.0, points[1].max())) if len(kept) else (0.0, 1.0)
    posts = (ends, np.full(len(ends), low), ends, np.full(len(ends), high))
    elements = [
        with_options(
            holoviews.Segments(posts, [x_axis, y_axis, "x_end", "y_end"]), color=QUIET, line_width=0.7, opacity=0.6
        ),
        as_area(holoviews.Area(points, x_axis, y_axis), DATA, 0.15),
        with_options(holoviews.Curve(points, x_axis, y_axis), color=cycle(), line_width=1.2),
        with_options(holoviews.Scatter(points, x_axis, y_axis), color=cycle(1), diameter=3.5),
    ]
    left_out = len(table) - len(finite)
    title = title_of(len(table), len(kept) + left_out, *_remarks(learner), f"{left_out:,} not finite" * bool(left_out))
    return as_picture(holoviews.Overlay(elements).redim.range(x=padded(*learner.bounds)), title)


def _ends(learner: IntegratorLearner) -> Floats:
    """Return the ends of the intervals, or the bounds without intervals."""
    intervals = learner.approximating_intervals
    if len(intervals) > MOST_INTERVALS:
        intervals = sorted(intervals, key=lambda interval: interval.a - interval.b)[:MOST_INTERVALS]
    return np.unique([*learner.bounds, *(end for each in intervals for end in (each.a, each.b))])


def _remarks(learner: IntegratorLearner) -> list[str]:
    if learner.divergence is not None:
        return ["the integral diverges"]
    intervals = learner.approximating_intervals
    if not intervals:
        return []
    drawn = f", of which the widest {MOST_INTERVALS:,} are drawn" if len(intervals) > MOST_INTERVALS else ""
    return [counted(len(intervals), "interval") + drawn, f"integral {learner.igral:.6g} ± {learner.err:.1e}"]
