"""Plots of a SparseGridLearner: slices along the inputs, the error over the number of points, Sobol indices."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from adaptive_dask.learner.argument_names import coordinates_of
from adaptive_dask.learner.sparse_grid_learner import SparseGridLearner
from adaptive_dask.plotting.backend import as_area, as_picture, cycle, load_holoviews, with_options
from adaptive_dask.plotting.labels import coordinate_names, dimensions, title_of
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.palette import COLORS
from adaptive_dask.plotting.thinning import Floats

# The maximum number of slices: those along which the function changes most.
MAX_SLICES = 8


def draw(
    learner: SparseGridLearner,
    what: Literal["slices", "error", "indices"] = "slices",
    *,
    n: int = 201,
    component: int = 0,
) -> Any:
    """Draw slices, the error, or Sobol indices of a SparseGridLearner.

    Parameters
    ----------
    learner : SparseGridLearner
    what : {"slices", "error", "indices"}, default: "slices"
        The function along each input through the centre of the domain, with a band of the estimated error; the
        estimated error over the number of points; or first-order and total Sobol indices as bars.
    n : int, default: 201
        Number of points of a slice.
    component : int, default: 0
        Number of the component to draw, for vectors. The real part of complex numbers is drawn.

    Returns
    -------
    holoviews.Overlay

    Raises
    ------
    ValueError
        If an argument is invalid.
    ImportError
        If HoloViews is not installed.
    """
    if what not in ("slices", "error", "indices"):
        raise ValueError(f'what must be "slices", "error" or "indices", got {what!r}.')
    if not 0 <= component < learner.vdim:
        raise ValueError(f"component must be from 0 to {learner.vdim - 1}, got {component!r}.")
    if n < 2:
        raise ValueError(f"n must be 2 or more, got {n!r}.")
    if what == "error":
        return _draw_error(learner)
    return _draw_indices(learner, component) if what == "indices" else _draw_slices(learner, n, component)


def _draw_slices(learner: SparseGridLearner, n: int, component: int) -> Any:
    holoviews = load_holoviews()
    positions = np.linspace(0.0, 1.0, n)
    slices = learner.slices(positions)[..., component] if learner.is_known else np.empty((3, learner.ndim, 0))
    xs, values, errors = slices[0].real, slices[1].real, slices[2].real
    axes, y_axis = dimensions(learner.function, *coordinate_names(learner.ndim))
    x_axis = axes[0] if learner.ndim == 1 else holoviews.Dimension("position", label="position between the bounds")
    changes = np.ptp(values, axis=1) if values.size else np.zeros(learner.ndim)
    drawn = sorted(np.argsort(-changes, kind="stable")[:MAX_SLICES].tolist())
    elements = []
    for place, axis in enumerate(drawn):
        color = COLORS[place % len(COLORS)]
        x = (xs[axis] if learner.ndim == 1 else positions)[: len(values[axis])]
        label = "" if learner.ndim == 1 else axes[axis].label.strip()
        known = np.isfinite(errors[axis])
        rows = (x[known], values[axis][known], errors[axis][known])
        band = holoviews.Spread(rows, x_axis, [y_axis, "error"])
        elements.append(as_area(band, color, 0.3))
        curve = holoviews.Curve((x, values[axis]), x_axis, y_axis, label=label)
        elements.append(with_options(curve, color=color, line_width=2))
    if learner.ndim == 1:
        elements.append(_points(learner, component, x_axis, y_axis))
    overlay = holoviews.Overlay(elements)
    if learner.ndim == 1:
        low, high = learner.bbox[0]
        overlay = overlay.redim.range(x=padded(low, high))
    left_out = learner.ndim - len(drawn)
    remark = f"{left_out} inputs along which it changes less are left out" if left_out else ""
    return as_picture(overlay, _title(learner, remark), show_legend=learner.ndim > 1)


def _points(learner: SparseGridLearner, component: int, x_axis: Any, y_axis: Any) -> Any:
    table = learner.to_numpy()
    x, y = table[:, 0].real, table[:, 1 + component].real if len(table) else table[:, 0].real
    finite = np.isfinite(y)
    points = load_holoviews().Scatter((x[finite], y[finite]), x_axis, y_axis)
    return with_options(points, color=cycle(), diameter=4.0)


def _draw_error(learner: SparseGridLearner) -> Any:
    holoviews = load_holoviews()
    history: Floats = np.array(learner.error_history, dtype=float).reshape(-1, 2)
    history = history[np.isfinite(history[:, 1]) & (history[:, 1] > 0)]
    x_axis, y_axis = holoviews.Dimension("points"), holoviews.Dimension("error", label="error, relative to the range")
    line = with_options(holoviews.Curve(history, x_axis, y_axis), color=cycle(), line_width=2)
    dots = with_options(holoviews.Scatter(history, x_axis, y_axis), color=cycle(), diameter=6.0)
    overlay = holoviews.Overlay([line, dots])
    if not len(history):
        return as_picture(overlay, _title(learner), show_legend=False)
    # Without ranges, HoloViews would start logarithmic axes at 0.
    low, high = history.min(axis=0) / 1.5, history.max(axis=0) * 1.5
    overlay = overlay.redim.range(points=(low[0], high[0]), error=(low[1], high[1]))
    return as_picture(overlay, _title(learner), show_legend=False, logx=True, logy=True)


def _draw_indices(learner: SparseGridLearner, component: int) -> Any:
    holoviews = load_holoviews()
    names = coordinates_of(learner.function, learner.ndim).names or coordinate_names(learner.ndim)[0]
    # Matplotlib cannot draw an empty set of bars.
    rows = [(name, order, math.nan) for order in ("first", "total") for name in names]
    if learner.is_known:
        rows = []
        indices = learner.sobol_indices()
        for order, estimate in indices.items():
            values = np.reshape(estimate.value, (learner.ndim, -1))[:, component]
            rows += [(name, order, float(value)) for name, value in zip(names, values, strict=True)]
    bars = holoviews.Bars(rows, ["input", "order"], holoviews.Dimension("index", label="Sobol index"))
    # In Matplotlib, the labels of two levels would overlap, so a legend names the second one.
    bars = with_options(bars, matplotlib={"multi_level": False, "xrotation": 45})
    return as_picture(holoviews.Overlay([bars]), _title(learner), show_legend=True)


def _title(learner: SparseGridLearner, remark: str = "") -> str:
    loss = learner.loss()
    error = f"largest error about {loss:.1e} of the range" if np.isfinite(loss) else ""
    return title_of(learner.npoints, learner.npoints, error, remark)
