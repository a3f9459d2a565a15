"""Plots of an AverageLearner: the distribution of the values, their mean and its error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from adaptive_dask.learner.average_learner import AverageLearner
from adaptive_dask.plotting.backend import as_area, as_picture, load_holoviews, with_options
from adaptive_dask.plotting.labels import counted, dimensions
from adaptive_dask.plotting.palette import COLORS, DERIVED
from adaptive_dask.plotting.thinning import Floats

FEWEST_BINS, MOST_BINS = 5, 200


def draw(learner: AverageLearner) -> Any:
    """Draw a histogram of the values, their mean, and a band for the standard error of the mean.

    Parameters
    ----------
    learner : AverageLearner

    Returns
    -------
    holoviews.Overlay
        ``Histogram * Area * Curve``; the band reaches from one standard error below the mean to one above.
        Values that are not finite are omitted and counted in the title.
    """
    holoviews = load_holoviews()
    values = np.array(list(learner.data.values()), dtype=float)
    finite = values[np.isfinite(values)]
    _, axis = dimensions(learner.function, ["seed"], "y")
    counts, edges = _histogram(finite)
    height = 1.05 * max(float(counts.max()), 1.0)
    histogram = holoviews.Histogram((edges, counts), kdims=[axis], vdims=["Count"])
    mean, error = _mean_and_error(finite)
    band = [(mean - error, height), (mean + error, height)] if len(finite) > 1 else []
    line = [(mean, 0.0), (mean, height)] if len(finite) else []
    elements = [
        with_options(
            histogram,
            bokeh={"fill_color": COLORS[5], "line_color": "white"},
            matplotlib={"facecolor": COLORS[5], "edgecolor": "white"},
        ),
        as_area(holoviews.Area(_rows(band), axis, "Count", label="standard error"), DERIVED, 0.35),
        with_options(holoviews.Curve(_rows(line), axis, "Count", label="mean"), color=DERIVED, line_width=2),
    ]
    overlay = holoviews.Overlay(elements)
    if not len(finite):  # otherwise, the axis would include negative counts
        overlay = overlay.redim.range(Count=(0, 1))
    return as_picture(overlay, _title(len(values), len(finite), mean, error))


def _rows(pairs: list[tuple[float, float]]) -> Floats:
    return np.array(pairs, dtype=float).reshape(-1, 2)


def _mean_and_error(values: Floats) -> tuple[float, float]:
    """Return the mean and its standard error; NaN for too few values."""
    n = len(values)
    if not n:
        return math.nan, math.nan
    size = float(np.abs(values).max()) or 1.0
    # Relative to the largest value, because sums and squares may overflow.
    mean = float((values / size).mean())
    error = float((values / size).std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return mean * size, error * size


def _histogram(values: Floats) -> tuple[Floats, Floats]:
    if not len(values):
        return np.zeros(1), np.array([0.0, 1.0])
    bins = min(max(FEWEST_BINS, int(math.sqrt(len(values)))), MOST_BINS)
    low, high = float(values.min()), float(values.max())
    # A bin must contain several floating-point numbers, so values that differ only by rounding share one.
    margin = 4 * bins * float(np.spacing(max(abs(low), abs(high))))
    if high - low < margin:
        margin = max(margin, 1e-12 * max(abs(low), abs(high))) if high > low else max(0.5, margin)
        middle = low + 0.5 * (high - low)
        low, high, bins = middle - margin, middle + margin, FEWEST_BINS
    # twice the range, and the neighbour of the largest number, may overflow
    edges = low + (high / bins - low / bins) * np.arange(bins + 1)
    edges[-1] = max(edges[-1], high)
    counts, _ = np.histogram(values, edges)
    return counts.astype(float), np.asarray(edges, dtype=float)


def _title(npoints: int, finite: int, mean: float, error: float) -> str:
    parts = [counted(npoints)]
    if finite:
        parts.append(f"mean {mean:.6g}" + (f" ± {error:.2g}" if finite > 1 else ""))
    if finite < npoints:
        parts.append(f"{npoints - finite:,} not finite")
    return "; ".join(parts)
