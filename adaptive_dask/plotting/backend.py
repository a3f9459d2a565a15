"""HoloViews, loaded when it is needed, and the options that its backends call differently."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from adaptive_dask.missing_module import needed
from adaptive_dask.plotting.palette import COLORS

# What Bokeh and Matplotlib call the same thing. Other backends draw with their own defaults.
_NAMES = {
    "bokeh": {"diameter": "size", "line_width": "line_width", "opacity": "alpha"},
    "matplotlib": {"diameter": "s", "line_width": "linewidth", "opacity": "alpha"},
}

# What `picture.relabel("…")` says stands above the title; HoloViews puts it there, and drops the line if there is none.
LABEL = "{label}\n"

# Characters of a title that fit beside the toolbar.
LONGEST_LINE = 60

_failed: ContextVar[int] = ContextVar("failed points of the run", default=0)


def load_holoviews() -> ModuleType:
    """HoloViews, with Bokeh if no backend was chosen yet.

    Raises
    ------
    ImportError
        If it is not installed; says how to install it.
    """
    with needed("Drawing needs HoloViews and Bokeh", '"adaptive_dask[notebook]"'):
        holoviews = importlib.import_module("holoviews")
        if not holoviews.Store.loaded_backends():
            holoviews.extension("bokeh", inline=True)  # from a server far away, it would not load everywhere
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


def style_of(element: Any) -> dict[str, Any]:
    """The style that an element has by `with_options`, as the backend that is loaded calls it."""
    store = load_holoviews().Store
    known = [backend for backend in store.loaded_backends() if backend in _NAMES]
    return store.lookup_options(known[0], element, "style").kwargs if known else {}


def cycle(first: int = 0) -> Any:
    """The colours of all pictures in turn, from one on, so that pictures on top of each other have different ones."""
    return load_holoviews().Cycle(values=[*COLORS[first:], *COLORS[:first]])


def as_area(element: Any, color: Any, opacity: float) -> Any:
    """An element that fills something, without an outline, and is in the legend if it has a label."""
    return with_options(
        element,
        opacity=opacity,
        bokeh={"fill_color": color, "line_alpha": 0},
        matplotlib={"color": color, "facecolor": color, "edgecolor": "none", "show_legend": True},
    )


@contextlib.contextmanager
def counting_failed(count: int) -> Iterator[None]:
    """Have the titles of pictures say how many points failed, which a learner does not know."""
    token = _failed.set(count)
    try:
        yield
    finally:
        _failed.reset(token)


def as_picture(overlay: Any, title: str, **options: Any) -> Any:
    """An overlay with a title, large enough to be read, and with axes also if there is nothing to draw."""
    if _failed.get():
        first, *others = title.split("; ")
        title = "; ".join([f"{first}, {_failed.get():,} failed", *others])
    labels = {}
    if not any(len(element) for element in overlay):
        x_axis, y_axis = next(iter(overlay)).dimensions()[:2]
        # Matplotlib draws no axis of an element without data, unless it is told to.
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
    """A title for HoloViews, which takes braces for fields."""
    return title.replace("{", "{{").replace("}", "}}")


def in_lines(title: str) -> str:
    """A title that is not cut off: broken after semicolons."""
    lines = [""]
    for part in title.split("; "):
        if lines[-1] and len(lines[-1]) + len(part) + 2 > LONGEST_LINE:
            lines[-1] += ";"
            lines.append(part)
        else:
            lines[-1] += f"; {part}" if lines[-1] else part
    return "\n".join(lines)


def _list_what_is_drawn(plot: Any, _: Any) -> None:
    """Leave out of Bokeh's legend what has no data; it comes back when there are some."""
    for legend in plot.state.legend:
        for item in legend.items:
            item.visible = any(map(_is_drawn, item.renderers))
        legend.visible = any(item.visible for item in legend.items)


def _is_drawn(renderer: Any) -> bool:
    source = getattr(renderer, "data_source", None)  # graphs that users put on a picture have none
    return source is None or any(len(column) for column in source.data.values())
