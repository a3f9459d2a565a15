"""Plots of a RationalLearner1D: the curve with its error band, the points, and the poles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.rational_learner1D import RationalLearner1D
from adaptive_dask.plotting.backend import as_area, as_picture, cycle, load_holoviews, with_options
from adaptive_dask.plotting.labels import component_label, coordinate_names, dimensions
from adaptive_dask.plotting.learner1D import line_title, padded
from adaptive_dask.plotting.palette import DERIVED
from adaptive_dask.plotting.thinning import MOST_POINTS, Floats, thin

# The number of points of the curve, besides some between each pair of known points.
CURVE_POINTS = 500
BETWEEN = 8


def draw(learner: RationalLearner1D, *, most_points: int = MOST_POINTS) -> Any:
    """Draw the approximation, its error, the points and the poles.

    Parameters
    ----------
    learner : RationalLearner1D
    most_points : int, default: 100,000
        If there are more points, only the highest and the lowest of each group of neighbours are drawn.

    Returns
    -------
    holoviews.Overlay
        ``Curve * Spread * Scatter`` for each component, where complex values have a real and an imaginary component.
        The last ``Scatter`` has a mark below each pole, at its real part.

    Raises
    ------
    ImportError
        If HoloViews is not installed.
    """
    holoviews = load_holoviews()
    (x_axis,), y_axis = dimensions(learner.function, *coordinate_names(1))
    table = learner.to_numpy() if learner.npoints else np.empty((0, 2))
    x, points = table[:, 0].real, as_reals(table[:, 1:])
    curve_x, curve, error = _curve(learner, x)
    count = points.shape[1]
    elements = []
    for i in range(count):
        label = component_label(y_axis, i, count)
        finite, known = np.isfinite(curve[:, i]), np.isfinite(points[:, i])
        line = (curve_x[finite], curve[finite, i])
        band = (*line, np.nan_to_num(error[finite, i], posinf=0.0))
        elements += [
            as_area(holoviews.Spread(band, x_axis, [y_axis, "error"]), DERIVED, 0.4),
            with_options(holoviews.Curve(line, x_axis, y_axis, label=label), color=cycle()),
            with_options(
                holoviews.Scatter(thin(x[known], points[known, i], most_points), x_axis, y_axis),
                color=cycle(),
                diameter=4.0,
            ),
        ]
    poles = np.unique(learner.poles().real) if learner.npoints else np.empty(0)
    lowest = np.min(curve, initial=np.inf, where=np.isfinite(curve))
    below = np.full(len(poles), lowest if np.isfinite(lowest) else 0.0)
    marks = holoviews.Scatter((poles, below), x_axis, y_axis, label="poles")
    elements.append(with_options(marks, color=DERIVED, diameter=6.0))
    overlay = holoviews.Overlay(elements).redim.range(x=padded(*learner.bounds))
    return as_picture(overlay, line_title(np.column_stack((x, points)), most_points), show_legend=False)


def as_reals(values: NDArray[Any]) -> Floats:
    """Convert complex columns to pairs of real columns, shape (n, 2 M)."""
    if not np.iscomplexobj(values):
        return values.astype(float)
    return np.stack((values.real, values.imag), axis=2).reshape(len(values), -1)


def _curve(learner: RationalLearner1D, known: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the points at which the approximation is drawn, its values, and its errors."""
    low, high = learner.bounds
    try:
        interpolator = learner.interpolator()
    except ValueError:  # no finite value yet
        count = as_reals(learner.to_numpy()[:, 1:]).shape[1]
        return np.empty(0), np.empty((0, count)), np.empty((0, count))
    inside = known[(known >= low) & (known <= high)]
    near = (
        inside if len(inside) < 2 else np.interp(np.arange(0, len(inside) - 1, 1 / BETWEEN), range(len(inside)), inside)
    )
    x = np.unique(np.concatenate((np.linspace(low, high, CURVE_POINTS), near, inside)))
    value = interpolator(x).reshape(len(x), -1)
    curve = as_reals(value)
    error = interpolator.error(x).reshape(len(x), -1)
    return x, curve, np.repeat(error, curve.shape[1] // error.shape[1], axis=1)
