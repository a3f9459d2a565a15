"""Plots of learners, with a module for each kind of learner and lazy imports."""

from __future__ import annotations

from typing import Any

import adaptive_dask
from adaptive_dask.learner import kinds
from adaptive_dask.learner.base_learner import BaseLearner


def draw(learner: BaseLearner, *args: Any, **options: Any) -> Any:
    """Draw the data of a learner.

    Parameters
    ----------
    learner : BaseLearner
        A learner of a class with a drawing (see `adaptive_dask.learner.kinds.register`), or of a derived class.
    *args, **options
        The arguments of the drawing, for example of `adaptive_dask.plotting.learner1D.draw`.

    Returns
    -------
    holoviews.Overlay, HoloMap or DynamicMap
        A plot for any backend, with a copy of the present data.

    Raises
    ------
    NotImplementedError
        If there is no drawing for the learner's class.
    ImportError
        If HoloViews is not installed.
    """
    drawing = kinds.find(learner, "draw")
    if drawing is None:
        names = ", ".join(name.rpartition(":")[2] for name, parts in adaptive_dask.KINDS.items() if "draw" in parts)
        raise NotImplementedError(
            f"learner must be one that can be drawn ({names}), got an object of class {type(learner).__name__}. "
            "To draw it, call adaptive_dask.learner.kinds.register(its class, draw=...)."
        )
    return drawing(learner, *args, **options)
