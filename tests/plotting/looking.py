"""What tests look at in a picture."""

from __future__ import annotations

from typing import Any

import holoviews
import numpy as np
from matplotlib.colors import to_hex


def parts(overlay: Any, kind: str) -> list[Any]:
    """The elements of an overlay that are of a kind, by the name of their class."""
    return [element for element in overlay if type(element).__name__ == kind]


def part(overlay: Any, kind: str) -> Any:
    """The only element of a kind."""
    (element,) = parts(overlay, kind)
    return element


def columns(element: Any) -> list[np.ndarray]:
    """The values of each of its dimensions."""
    return [element.dimension_values(dimension) for dimension in element.dimensions()]


def title(picture: Any, backend: str) -> str:
    """What stands above a picture without a label."""
    text: str = holoviews.Store.lookup_options(backend, picture, "plot").kwargs["title"]
    return text.format(label="").strip(" \n")


def axis_labels(picture: Any, backend: str) -> tuple[str, str]:
    """What stands at the axes when it is rendered."""
    rendered = holoviews.render(picture, backend=backend)
    if backend == "bokeh":
        return rendered.xaxis[0].axis_label, rendered.yaxis[0].axis_label
    axes = rendered.axes[0]
    return axes.get_xlabel(), axes.get_ylabel()


def colors(picture: Any, backend: str) -> list[str]:
    """The colours of the lines and marks of a picture when it is rendered."""
    rendered = holoviews.render(picture, backend=backend)
    if backend == "bokeh":
        glyphs = [renderer.glyph for renderer in rendered.renderers]
        return [(getattr(glyph, "fill_color", None) or glyph.line_color).lower() for glyph in glyphs]
    axes = rendered.axes[0]
    marks = [[*mark.get_facecolor(), *mark.get_edgecolor()][0] for mark in axes.collections]
    return [to_hex(color) for color in [*marks, *(line.get_color() for line in axes.lines)]]
