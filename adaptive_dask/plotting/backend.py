"""HoloViews, loaded on demand, and options with different names in its backends."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from adaptive_dask.missing_module import needed
from adaptive_dask.plotting.palette import COLORS

# The names of options in Bokeh and Matplotlib. Other backends use their defaults.
_NAMES = {
    "bokeh": {"diameter": "size", "line_width": "line_width", "opacity": "alpha"},
    "matplotlib": {"diameter": "s", "line_width": "linewidth", "opacity": "alpha"},
}

# HoloViews inserts the label of `picture.relabel("…")` above the title, and removes the line without one.
LABEL = "{label}\n"

# The number of characters of a title that fit beside the toolbar.
LONGEST_LINE = 60

_failed: ContextVar[int] = ContextVar("failed points of the run", default=0)


def load_holoviews() -> ModuleType:
    """Return HoloViews, with Bokeh if no backend was chosen.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to install it.
    """
    with needed("Drawing needs HoloViews and Bokeh", '"adaptive_dask[notebook]"'):
        holoviews = importlib.import_module("holoviews")
        if not holoviews.Store.loaded_backends():
            holoviews.extension("bokeh", inline=True)  # loading them from the internet would not work everywhere
    return holoviews


def with_options(
    element: Any, *, bokeh: dict[str, Any] | None = None, matplotlib: dict[str, Any] | None = None, **options: Any
) -> Any:
    """Return an element with options for those of Bokeh and Matplotlib that are loaded.

    Parameters
    ----------
    element : holoviews.Dimensioned
    bokeh, matplotlib : dict, optional
        Options of one backend.
    **options
        Common options, for example ``color``, and ``diameter`` of markers (in pixels or points), ``line_width`` and
        ``opacity``.
    """
    own = {"bokeh": bokeh or {}, "matplotlib": matplotlib or {}}
    for backend in load_holoviews().Store.loaded_backends():
        if backend in _NAMES:
            translated = {_NAMES[backend].get(name, name): value for name, value in options.items()}
            if backend == "matplotlib" and "diameter" in options:
                translated["s"] = options["diameter"] ** 2  # areas
            element = element.opts(**translated, **own[backend], backend=backend)
    return element


def style_of(element: Any) -> dict[str, Any]:
    """Return the style of an element from `with_options`, with the names of the loaded backend."""
    store = load_holoviews().Store
    known = [backend for backend in store.loaded_backends() if backend in _NAMES]
    return store.lookup_options(known[0], element, "style").kwargs if known else {}


def cycle(first: int = 0) -> Any:
    """Return a cycle of the colours of all plots, starting at one of them, so that overlaid plots differ."""
    return load_holoviews().Cycle(values=[*COLORS[first:], *COLORS[:first]])


def as_area(element: Any, color: Any, opacity: float) -> Any:
    """Return a filled element without an outline, which is in the legend if it has a label."""
    return with_options(
        element,
        opacity=opacity,
        bokeh={"fill_color": color, "line_alpha": 0},
        matplotlib={"color": color, "facecolor": color, "edgecolor": "none", "show_legend": True},
    )


@contextlib.contextmanager
def counting_failed(count: int) -> Iterator[None]:
    """Add the number of failed points, which a learner does not know, to the titles of plots."""
    token = _failed.set(count)
    try:
        yield
    finally:
        _failed.reset(token)


def as_picture(overlay: Any, title: str, **options: Any) -> Any:
    """Return an overlay with a title and a readable size, and with axes even if it is empty."""
    if _failed.get():
        first, *others = title.split("; ")
        title = "; ".join([f"{first}, {_failed.get():,} failed", *others])
    labels = {}
    if not any(len(element) for element in overlay):
        x_axis, y_axis = next(iter(overlay)).dimensions()[:2]
        # By default, Matplotlib draws no axes for an element without data.
        labels = {"xlabel": x_axis.pprint_label, "ylabel": y_axis.pprint_label}
        overlay = overlay.redim.soft_range(**{y_axis.name: (0, 1)})
    return with_options(
        overlay,
        title=LABEL + escaped(in_lines(title)),
        bokeh={
            "width": 520,
            "height": 380,
            "fontsize": {"title": "9pt"},
            "legend_position": "right",
            "hooks": [_list_what_is_drawn],
        },
        matplotlib={"fig_inches": (6.5, 4.75), "aspect": "auto", **labels},
        **options,
    )


def escaped(title: str) -> str:
    """Return a title with escaped braces, because HoloViews formats titles."""
    return title.replace("{", "{{").replace("}", "}}")


def in_lines(title: str) -> str:
    """Break a long title after semicolons."""
    lines = [""]
    for part in title.split("; "):
        if lines[-1] and len(lines[-1]) + len(part) + 2 > LONGEST_LINE:
            lines[-1] += ";"
            lines.append(part)
        else:
            lines[-1] += f"; {part}" if lines[-1] else part
    return "\n".join(lines)


def _list_what_is_drawn(plot: Any, _: Any) -> None:
    """Hide elements without data in Bokeh's legend, until they have data."""
    for legend in plot.state.legend:
        for item in legend.items:
            item.visible = any(map(_is_drawn, item.renderers))
        legend.visible = any(item.visible for item in legend.items)


def _is_drawn(renderer: Any) -> bool:
    source = getattr(renderer, "data_source", None)  # graphs of users have no such attribute
    return source is None or any(len(column) for column in source.data.values())
