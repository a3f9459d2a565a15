"""Values in order of arrival, for learners without a picture of their own and for optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.samples.follower import Floats, Follower, as_floats
from adaptive_dask.dashboard.samples.thinning import ThinLine
from adaptive_dask.dashboard.style import BLUE, ORANGE, TOOLS, new_figure, new_note

# Initial range of the x axis. It doubles when it is full, which halves the resolution.
ROOM = 4096


class ValuesFollower(Follower):
    """Follows values by their number, and with `best` also the smallest value."""

    best = False

    def __init__(self, learner: Any) -> None:
        self.start_over()

    def start_over(self) -> None:
        super().start_over()
        self._room = ROOM
        self._thin = ThinLine(0, ROOM)
        self._count = 0
        self._lowest = np.inf
        self._steps: list[tuple[float, float]] = []

    def read(self, learner: Any, pending: list[Any]) -> Any:
        data = getattr(learner, "data", None)
        return self.take(data)[1] if isinstance(data, Mapping) else None

    def prepare(self, raw: Any) -> dict[str, Any]:
        if raw is None:
            return {"known": False}
        values = as_floats(raw)[:, :1]
        numbers = np.arange(self._count + 1, self._count + 1 + len(values), dtype=float)
        self._count += len(values)
        while self._count > self._room:
            self._room *= 2
        if self._thin.high != self._room:
            before, self._thin = self._thin, ThinLine(0, self._room)
            self._thin.add(before.x, before.y)
        self._thin.add(numbers, values)
        self._note_lowest(numbers, values[:, 0])
        steps = np.array([*self._steps, (self._count, self._lowest)] if self._steps else []).reshape(-1, 2)
        return {"known": True, "x": self._thin.x, "y": self._thin.y[:, 0], "best": steps, "npoints": self._count}

    def _note_lowest(self, numbers: Floats, values: Floats) -> None:
        if not self.best or not len(values):
            return
        lowest = np.fmin.accumulate(np.fmin(values, self._lowest))
        # The difference of two infinite values is NaN.
        before = self._lowest if np.isfinite(self._lowest) else np.inf
        fell = np.flatnonzero(np.diff(lowest, prepend=before) < 0)
        self._steps += [(float(numbers[i]), float(lowest[i])) for i in fell]
        del self._steps[: -2 * ROOM]
        self._lowest = float(lowest[-1])

    def make_chart(self) -> ValuesChart:
        return ValuesChart(self.best)


class BestFollower(ValuesFollower):
    """Follows an optimizer."""

    best = True


class ValuesChart:
    """Values over their number."""

    def __init__(self, best: bool) -> None:
        self.root = new_figure(tools=TOOLS, x_axis_label="number of the result", y_axis_label="value")
        self._points = ColumnDataSource({"x": [], "y": []})
        self._best = ColumnDataSource({"x": [], "y": []})
        self.root.scatter("x", "y", source=self._points, color=BLUE, size=5, fill_alpha=0.7, line_alpha=0)
        if best:
            self.root.step("x", "y", source=self._best, color=ORANGE, line_width=2, mode="after")
        self._note = new_note(self.root)

    def show(self, data: dict[str, Any], patch: Patch) -> None:
        if not data["known"]:
            patch.put(self._note, text="This learner keeps no table of its data; see the charts beside.")
            return
        patch.fill(self._points, {"x": data["x"], "y": np.where(np.isfinite(data["y"]), data["y"], np.nan)})
        patch.fill(self._best, {"x": data["best"][:, 0], "y": data["best"][:, 1]})
        text = f"{data['npoints']:,} results" if data["npoints"] else "No result yet."
        if len(data["best"]):
            text += f"; the smallest is {data['best'][-1, 1]:.6g} (line: smallest so far)"
        patch.put(self._note, text=text)
