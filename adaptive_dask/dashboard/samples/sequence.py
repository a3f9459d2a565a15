"""Progress of a SequenceLearner: the elements that are done, and their values if these are numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from bokeh.models import Column, ColumnDataSource, HoverTool, Range1d

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import Floats, Follower, as_floats
from adaptive_dask.dashboard.style import BLUE, GREEN, ORANGE, TOOLS, new_figure, new_note

# Number of cells for all elements; a cell stands for one or more neighbours.
CELLS = 1200

# Up to this number of elements, values are shown as well.
MOST_VALUES = 20_000


class SequenceFollower(Follower):
    """Follows a sequence."""

    def __init__(self, learner: Any) -> None:
        self._total = len(learner.sequence)

    def read(self, learner: Any, pending: list[Any]) -> Any:
        done = np.fromiter(learner.data, dtype=np.int64, count=len(learner.data))
        values = list(learner.data.values()) if len(done) <= MOST_VALUES else []
        out = [point[0] if isinstance(point, tuple) else point for point in pending]
        return done, values, np.array(out, dtype=np.int64)

    def prepare(self, raw: Any) -> dict[str, Any]:
        done, values, out = raw
        size = max(1, -(-self._total // CELLS))
        cells = -(-self._total // size)
        room = np.minimum(size, self._total - size * np.arange(cells))
        numbers = as_floats(values)[:, 0] if values else np.empty(0)
        return {
            "done": np.bincount(done // size, minlength=cells) / room,
            "out": np.bincount(out // size, minlength=cells) > 0,
            "size": size,
            "x": done[: len(numbers)].astype(float),
            "y": numbers,
            "note": f"{len(done):,} of {self._total:,} done, {len(out):,} under way",
        }

    def make_chart(self) -> SequenceChart:
        return SequenceChart(self._total)


class SequenceChart:
    """Cells, each for one or several elements and filled by the share that is done; values below."""

    def __init__(self, total: int) -> None:
        cells = -(-total // max(1, -(-total // CELLS)))
        self._wide = max(1, math.ceil(math.sqrt(4 * cells)))
        tall = -(-cells // self._wide)
        self._field = new_figure(
            x_range=Range1d(start=-0.5, end=self._wide - 0.5), y_range=Range1d(start=tall - 0.5, end=-0.5)
        )
        self._field.axis.visible = False
        self._field.grid.visible = False
        self._cells = ColumnDataSource({name: [] for name in ("x", "y", "alpha", "color", "what")})
        squares = self._field.rect(
            "x",
            "y",
            0.86,
            0.86,
            source=self._cells,
            fill_color="color",
            fill_alpha="alpha",
            line_color="color",
            line_alpha=0.35,
        )
        self._field.add_tools(HoverTool(renderers=[squares], tooltips="@what"))
        self._values = new_figure(
            tools=TOOLS,
            toolbar_location=None,
            x_range=Range1d(start=-0.02 * total - 0.5, end=1.02 * total - 0.5),
            x_axis_label="index",
            y_axis_label="value",
            visible=False,
        )
        self._points = ColumnDataSource({"x": [], "y": []})
        self._values.scatter("x", "y", source=self._points, color=BLUE, size=4)
        self._note = new_note(self._field)
        self.root = Column(children=[self._field, self._values], sizing_mode="stretch_both")

    def show(self, data: dict[str, Any], patch: Patch) -> None:
        done, out, size = data["done"], data["out"], data["size"]
        place = np.arange(len(done))
        patch.fill(
            self._cells,
            {
                "x": place % self._wide,
                "y": place // self._wide,
                "alpha": np.where(out & (done == 0), 0.5, 0.85 * done),
                "color": np.where(out, ORANGE, GREEN).tolist(),
                "what": [
                    _what(i, size, share, is_out) for i, share, is_out in zip(place.tolist(), done, out, strict=True)
                ],
            },
        )
        finite: Floats = np.isfinite(data["y"])
        patch.put(self._values, visible=bool(finite.any()))
        patch.fill(self._points, {"x": data["x"][finite], "y": data["y"][finite]})
        patch.put(self._note, text=data["note"] + "; green: done, orange: under way")


def _what(place: int, size: int, done: float, is_out: bool) -> str:
    where = f"{place}" if size == 1 else f"{place * size} to {(place + 1) * size - 1}"
    return (
        f"{where}: {'under way' if is_out else 'done' if done == 1 else 'not yet' if not done else f'{done:.0%} done'}"
    )
