"""HoloViews, loaded when it is needed, and the options that its backends call differently."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

# What Bokeh and Matplotlib call the same thing. Other backends draw with their own defaults.
_NAMES = {
    "bokeh": {"diameter": "size", "line_width": "line_width", "opacity": "alpha"},
    "matplotlib": {"diameter": "s", "line_width": "linewidth", "opacity": "alpha"},
}


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


def with_options(
    element: Any, *, bokeh: dict[str, Any] | None = None, matplotlib: dict[str, Any] | None = None, **options: Any
) -> Any:
    """An element with options for Bokeh and Matplotlib, as far as they are loaded.

    Parameters
    ----------
    element : holoviews.Dimensioned
    bokeh, matplotlib : dict, optional
        Options that only this backend knows.
    **options
        Those that both know, for example ``color``; and ``diameter`` of markers, in pixels or points,
        ``line_width`` and ``opacity``.
    """
    own = {"bokeh": bokeh or {}, "matplotlib": matplotlib or {}}
    for backend in load_holoviews().Store.loaded_backends():
        if backend in _NAMES:
            translated = {_NAMES[backend].get(name, name): value for name, value in options.items()}
            if backend == "matplotlib" and "diameter" in options:
                translated["s"] = options["diameter"] ** 2  # an area
            element = element.opts(**translated, **own[backend], backend=backend)
    return element


def as_area(element: Any, color: str, opacity: float) -> Any:
    """An element that fills something, without an outline."""
    return with_options(
        element,
        opacity=opacity,
        bokeh={"fill_color": color, "line_alpha": 0},
        matplotlib={"color": color, "facecolor": color, "edgecolor": "none"},
    )


def as_picture(overlay: Any, title: str, **options: Any) -> Any:
    """An overlay with a title, large enough to be read."""
    return with_options(
        overlay,
        title=title,
        bokeh={"width": 520, "height": 380},
        matplotlib={"fig_inches": (6.5, 4.75), "aspect": "auto"},
        **options,
    )
