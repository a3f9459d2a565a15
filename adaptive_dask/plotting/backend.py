"""HoloViews, loaded when it is needed, and what the pictures have in common."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

# Okabe and Ito's colours, which can be told apart with any kind of colour vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# HoloViews' backends call the same thing differently.
_DIAMETER = {"bokeh": "size", "matplotlib": "s"}


def load_holoviews() -> ModuleType:
    """HoloViews, with Bokeh if no backend was chosen yet.

    Raises
    ------
    ImportError
        If it is not installed; says how to install it.
    """
    try:
        holoviews = importlib.import_module("holoviews")
        if not holoviews.Store.loaded_backends():
            holoviews.extension("bokeh", inline=True)  # from a server far away, it would not load everywhere
    except ImportError as error:
        raise ImportError(
            f'Drawing needs HoloViews and Bokeh ({error}). Install them: pip install "adaptive_dask[notebook]"'
        ) from error
    return holoviews


def with_options(element: Any, *, diameter: float | None = None, **options: Any) -> Any:
    """An element with options for each backend that is loaded.

    Parameters
    ----------
    element : holoviews.Element
    diameter : float, optional
        Of markers, in pixels or points.
    **options
        Those that all backends know, for example ``color``.
    """
    for backend in load_holoviews().Store.loaded_backends():
        own = dict(options)
        if diameter is not None and backend in _DIAMETER:
            own[_DIAMETER[backend]] = diameter**2 if backend == "matplotlib" else diameter
        element = element.opts(**own, backend=backend)
    return element
