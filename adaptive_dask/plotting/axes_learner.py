"""Plots of a learner over a `Space`, with the names and coordinates of the space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

from adaptive_dask.learner import kinds
from adaptive_dask.learner.axes.axis import Linear, Log
from adaptive_dask.learner.axes_learner import AxesLearner
from adaptive_dask.plotting.backend import load_holoviews, style_of, with_options
from adaptive_dask.plotting.labels import coordinate_names


class _Named:
    """The learner in transformed coordinates, with a function that has the names of the space.

    Its number of points counts those on the seam of a periodic axis once.
    """

    def __init__(self, learner: AxesLearner) -> None:
        self._learner = learner.learner
        self.function = learner.function
        self.npoints = learner.npoints
        self.shown_cut: Mapping[Any, Any]  # of a slice

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)


def draw(learner: AxesLearner, *args: Any, **options: Any) -> Any:
    """Draw the wrapped learner, with the arguments of its ``plot``.

    Parameters
    ----------
    learner : AxesLearner
    *args, **options
        The arguments of the drawing of the wrapped learner.

    Returns
    -------
    holoviews.Overlay or holoviews.HoloMap
        A plot in the coordinates of the user, with the logarithmic axes of the space. With these, images are
        ``QuadMesh`` elements.
    """
    picture = kinds.find(learner.learner, "draw")(_Named(learner), *args, **options)
    return in_coordinates(picture, _logarithmic(learner))


def drawing(learner: AxesLearner, method: str) -> Callable[..., Any]:
    """Return another method of the wrapped learner that draws, such as ``plot_3D``, with the names of the space.

    The keys of a ``cut_mapping`` may be names. With logarithmic axes, only slices are in the coordinates of the user.
    """
    draw_named = getattr(type(learner.learner), method)
    return partial(_draw_slice, learner, draw_named) if method == "plot_slice" else partial(draw_named, _Named(learner))


def _draw_slice(
    learner: AxesLearner, draw_named: Callable[..., Any], cut_mapping: Any, *args: Any, **options: Any
) -> Any:
    named, names, axes = _Named(learner), learner.space.names, learner.space.numeric
    if isinstance(cut_mapping, Mapping):
        unknown = [name for name in cut_mapping if isinstance(name, str) and name not in names]
        if unknown:
            raise ValueError(f"keys of cut_mapping must be among {', '.join(names)}, got {unknown[0]!r}.")
        cut = {names.index(i) if isinstance(i, str) else i: value for i, value in cut_mapping.items()}
        named.shown_cut = cut
        cut_mapping = {
            i: axes[i].to_inner(float(value)) if i in range(len(axes)) and isinstance(value, Real) else value
            for i, value in cut.items()
        }
    return in_coordinates(draw_named(named, cut_mapping, *args, **options), _logarithmic(learner))


def _logarithmic(learner: AxesLearner) -> dict[str, Linear]:
    """Return the logarithmic axes, by the names of dimensions."""
    names, _ = coordinate_names(learner.space.ndim)
    axes = zip(names, learner.space.numeric, strict=True)
    return {name: axis for name, axis in axes if isinstance(axis, Log)}


def in_coordinates(picture: Any, axes: dict[str, Linear]) -> Any:
    """Transform a picture to the coordinates of the user.

    Parameters
    ----------
    picture : holoviews.Overlay or holoviews.HoloMap
    axes : dict
        The logarithmic axes, by the names of dimensions.
    """
    if not axes:
        return picture
    holoviews = load_holoviews()
    if isinstance(picture, holoviews.HoloMap):
        changed = {key: in_coordinates(each, axes) for key, each in picture.items()}
        return picture.clone(changed)
    elements = [_transformed(element, axes) for element in picture]
    shown = picture.clone(elements)
    first = picture.dimensions()[:2]
    logarithmic: dict[str, Any] = {
        option: True for option, each in zip(("logx", "logy"), first, strict=False) if each.name in axes
    }
    return with_options(shown, **logarithmic)


def _transformed(element: Any, axes: dict[str, Linear]) -> Any:
    """Transform an element, whose columns "x" and "x_end" contain coordinates along the axis "x"."""
    holoviews = load_holoviews()
    along = {name: axes[name.removesuffix("_end")] for name in map(str, element.dimensions()) if _is_along(name, axes)}
    dimensions = [_dimension(each, along.get(each.name)) for each in element.dimensions()]
    kdims, vdims = dimensions[: len(element.kdims)], dimensions[len(element.kdims) :]
    if isinstance(element, holoviews.Image):
        edges = []
        for i, low, high in ((0, *element.bounds.lbrt()[::2]), (1, *element.bounds.lbrt()[1::2])):
            n = element.dimension_values(2, flat=False).shape[1 - i]
            line = np.linspace(low, high, n + 1)
            name = element.kdims[i].name
            edges.append(along[name].many_to_user(line) if name in along else line)
        values = element.dimension_values(2, flat=False)
        mesh = holoviews.QuadMesh((*edges, values), kdims, vdims, group=element.group, label=element.label)
        options = style_of(element)
        return with_options(
            mesh,
            cmap=options.get("cmap", "viridis"),
            colorbar=bool(np.isfinite(values).any() and options.get("alpha", 1.0)),
            opacity=options.get("alpha", 1.0),
            bokeh={"tools": ["hover"]},
            matplotlib={"aspect": "auto"},  # otherwise the colour bar is placed beside a square
        )
    columns = {each.name: element.dimension_values(each.name) for each in element.dimensions()}
    for name, axis in along.items():
        columns[name] = axis.many_to_user(columns[name])
    return element.clone(tuple(columns.values()), kdims=kdims, vdims=vdims)


def _is_along(name: str, axes: dict[str, Linear]) -> bool:
    return name.removesuffix("_end") in axes


def _dimension(dimension: Any, axis: Linear | None) -> Any:
    """Transform the ranges of a dimension to the coordinates of the user."""
    if axis is None:
        return dimension
    ranges = {}
    for name in ("range", "soft_range"):
        low, high = getattr(dimension, name)
        ranges[name] = tuple(None if u is None else float(axis.many_to_user(u)) for u in (low, high))
    return dimension.clone(**ranges)
