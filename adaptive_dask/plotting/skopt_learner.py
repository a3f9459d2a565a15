"""Plots of a SKOptLearner: its model with the uncertainty, or the progress of the search."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from adaptive_dask.learner.skopt_learner import SKOptLearner
from adaptive_dask.plotting.backend import as_area, as_picture, load_holoviews, with_options
from adaptive_dask.plotting.labels import coordinate_names, counted, dimensions
from adaptive_dask.plotting.learner1D import padded
from adaptive_dask.plotting.palette import DATA, DERIVED, QUIET
from adaptive_dask.plotting.surface import image
from adaptive_dask.plotting.thinning import Floats

# The number of values with which a Gaussian process takes about a second; its time grows with the third power.
MOST_FITTED = 150

PIXELS = 60

# 95 % of a normal distribution are within this number of standard deviations.
CERTAIN = 1.96


def draw(learner: SKOptLearner, nsamples: int = 200) -> Any:
    """Draw the values and the model of the function.

    Parameters
    ----------
    learner : SKOptLearner
    nsamples : int, default: 200
        Number of points at which the model is evaluated, in one dimension.

    Returns
    -------
    holoviews.Overlay
        In one dimension, ``Spread * Curve * Scatter``: the 95 % interval of the model, its prediction, and the values.
        In two dimensions, ``Image * Points``: the prediction and the points. In more dimensions, or if a coordinate is
        not a number, ``Scatter * Curve``: the values in the order in which they came, and the lowest so far. The model
        is fitted to all finite values, without the assumptions of the search about pending points; of more than 150
        values, to the lowest third and a part of the rest.

    Raises
    ------
    ValueError
        If ``nsamples`` is less than 2.
    """
    if nsamples < 2:
        raise ValueError(f"nsamples must be 2 or more, got {nsamples!r}.")
    kinds = [type(each).__name__ for each in learner.space.dimensions]
    if set(kinds) <= {"Real", "Integer"} and len(kinds) == 1:
        return _draw_line(learner, nsamples)
    if set(kinds) <= {"Real", "Integer"} and len(kinds) == 2:
        return _draw_plane(learner)
    return _draw_progress(learner)


def _draw_line(learner: SKOptLearner, nsamples: int) -> Any:
    holoviews = load_holoviews()
    (x_axis,), y_axis = dimensions(learner.function, *coordinate_names(1))
    x, y = _finite(learner)
    low, high = learner.space.dimensions[0].bounds
    places = _places(learner.space.dimensions[0], nsamples)
    model, fitted = _model(learner, x, y)
    prediction, deviation = np.empty(0), np.empty(0)
    if model is None:
        places = places[:0]
    else:
        prediction, deviation = _predict(learner, model, places[:, None])
    elements = [
        as_area(
            holoviews.Spread((places, prediction, CERTAIN * deviation), x_axis, [y_axis, "error"], label="95 %"),
            DERIVED,
            0.25,
        ),
        with_options(holoviews.Curve((places, prediction), x_axis, y_axis, label="model"), color=DERIVED),
        with_options(holoviews.Scatter((x[:, 0], y), x_axis, y_axis, label="values"), color=DATA, diameter=5.0),
    ]
    overlay = holoviews.Overlay(elements).redim.range(x=padded(low, high))
    return as_picture(overlay, _title(learner, y, fitted))


def _draw_plane(learner: SKOptLearner) -> Any:
    holoviews = load_holoviews()
    axes, value_axis = dimensions(learner.function, *coordinate_names(2))
    points, y = _finite(learner)
    box = np.array([each.bounds for each in learner.space.dimensions], dtype=float)
    low, width = box[:, 0], box[:, 1] - box[:, 0]
    model, fitted = _model(learner, points, y)
    values = None
    if model is not None:
        line = (np.arange(PIXELS) + 0.5) / PIXELS
        grid = low + width * np.stack(np.meshgrid(line, line), axis=-1)
        values = _predict(learner, model, grid.reshape(-1, 2))[0].reshape(PIXELS, PIXELS)
    elements = [
        image(low, width, values, axes, value_axis),
        with_options(holoviews.Points(points, kdims=axes), color=DERIVED, diameter=5.0),
    ]
    ranges = {axis.name: padded(*bounds) for axis, bounds in zip(axes, box.tolist(), strict=True)}
    return as_picture(holoviews.Overlay(elements).redim.range(**ranges), _title(learner, y, fitted))


def _draw_progress(learner: SKOptLearner) -> Any:
    holoviews = load_holoviews()
    y = np.array(list(learner.data.values()), dtype=float)
    number = np.arange(1, len(y) + 1)
    finite = np.isfinite(y)
    best = np.fmin.accumulate(np.where(finite, y, np.nan)) if len(y) else y
    known = np.isfinite(best)
    axis = holoviews.Dimension("evaluation")
    elements = [
        with_options(
            holoviews.Scatter((number[finite], y[finite]), axis, "y", label="values"), color=QUIET, diameter=4.0
        ),
        with_options(
            holoviews.Curve((number[known], best[known]), axis, "y", label="lowest"), color=DATA, line_width=2
        ),
    ]
    return as_picture(holoviews.Overlay(elements), _title(learner, y[finite], len(y)))


def _finite(learner: SKOptLearner) -> tuple[Floats, Floats]:
    """Return the points within the space, shape (n, d), and their values, if these are finite."""
    rows = [(list(np.atleast_1d(x)), y) for x, y in dict(learner.data).items()]
    rows = [(x, y) for x, y in rows if np.isfinite(y) and x in learner.space]
    points = np.array([x for x, _ in rows], dtype=float).reshape(-1, learner.ndim)
    return points, np.array([y for _, y in rows], dtype=float)


def _places(dimension: Any, n: int) -> Floats:
    """Return points for the model, spaced evenly in the coordinates of the search."""
    if type(dimension).__name__ == "Integer":
        return np.unique(np.linspace(dimension.low, dimension.high, n).round())
    if dimension.prior == "log-uniform":
        return np.geomspace(dimension.low, dimension.high, n)
    return np.linspace(dimension.low, dimension.high, n)


def _model(learner: SKOptLearner, points: Floats, y: Floats) -> tuple[Any, int]:
    """Return a model and the number of values to which it was fitted, or None and the number of values."""
    estimator = learner.optimizer.base_estimator_
    if estimator is None or len(y) < 2:
        return None, len(y)
    if len(y) > MOST_FITTED:
        order = np.argsort(y, kind="stable")
        third = MOST_FITTED // 3
        others = np.linspace(third, len(y) - 1, MOST_FITTED - third).astype(np.intp)
        chosen = order[np.concatenate([np.arange(third), others])]
        points, y = points[chosen], y[chosen]
    from sklearn.base import clone

    with warnings.catch_warnings():  # as in scikit-optimize: length scales often reach their bounds
        warnings.simplefilter("ignore")
        return clone(estimator).fit(_rows(learner, points), y), len(y)


def _predict(learner: SKOptLearner, model: Any, points: Floats) -> tuple[Floats, Floats]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            prediction, deviation = model.predict(_rows(learner, points), return_std=True)
        except TypeError:  # a model without an error estimate
            prediction = model.predict(_rows(learner, points))
            deviation = np.zeros(len(points))
    return np.asarray(prediction), np.asarray(deviation)


def _rows(learner: SKOptLearner, points: Floats) -> Any:
    integers = [type(each).__name__ == "Integer" for each in learner.space.dimensions]
    return learner.space.transform(
        [
            [round(x) if is_integer else x for x, is_integer in zip(row, integers, strict=True)]
            for row in points.tolist()
        ]
    )


def _title(learner: SKOptLearner, y: Floats, fitted: int) -> str:
    parts = [counted(learner.npoints)]
    if len(y):
        parts.append(f"lowest {y.min():.6g}")
    if len(y) < learner.npoints:
        parts.append(f"{learner.npoints - len(y):,} not finite or out of bounds")
    if fitted < len(y):
        parts.append(f"model of {fitted} of them")
    return "; ".join(parts)
