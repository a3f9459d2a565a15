"""Plots of a SequenceLearner: its values by index, or its progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from adaptive_dask.learner.sequence_learner import SequenceLearner
from adaptive_dask.plotting.backend import as_picture, cycle, load_holoviews, with_options
from adaptive_dask.plotting.labels import component_label
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.thinning import MOST_POINTS, Floats, extremes


def draw(learner: SequenceLearner) -> Any:
    """Draw the values by index.

    Parameters
    ----------
    learner : SequenceLearner

    Returns
    -------
    holoviews.Overlay
        A `Scatter` for each component of values that are numbers, or vectors of one length. For other values, a mark at
        1 for each evaluated element. Values that are not finite are omitted.
    """
    holoviews = load_holoviews()
    total = len(learner.sequence)
    indices, columns = _columns(learner.data.items())
    axis = holoviews.Dimension("y", label="evaluated" if columns is None else "y")
    values = np.ones((len(indices), 1)) if columns is None else columns
    elements = []
    drawn = len(indices)
    for i, column in enumerate(values.T):
        finite = np.isfinite(column)
        kept = extremes(column[finite], MOST_POINTS)
        drawn = min(drawn, len(kept) + int((~finite).sum()))
        element = holoviews.Scatter(
            (indices[finite][kept], column[finite][kept]),
            "index",
            axis,
            label=component_label(axis, i, values.shape[1]),
        )
        elements.append(with_options(element, color=cycle(), diameter=4.0))
    title = f"{len(indices):,} of {total:,} elements evaluated"
    if drawn < len(indices):
        title += f", {drawn:,} drawn"
    overlay = holoviews.Overlay(elements).redim.range(index=padded(-0.5, max(total - 0.5, 0.5)))
    if columns is None:
        title += "; the values are not numbers"
        overlay = overlay.redim.range(y=(0, 1.5))
    return as_picture(overlay, title)


def _columns(items: Iterable[tuple[int, Any]]) -> tuple[Floats, Floats | None]:
    """Return the indices, and the values as an array of shape (n, m) if they are numbers."""
    pairs = list(items)
    indices = np.array([index for index, _ in pairs], dtype=float)
    try:
        values = np.array([value for _, value in pairs])
    except ValueError:  # vectors of different lengths
        return indices, None
    if values.dtype.kind not in "buif" or values.ndim > 2 or (values.ndim == 2 and not values.shape[1]):
        return indices, None
    return indices, values.astype(float).reshape(len(values), -1) if len(values) else np.zeros((0, 1))
