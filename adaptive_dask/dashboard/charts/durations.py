"""Histogram of the durations of evaluations, over a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bokeh.models import ColumnDataSource, CustomJSTickFormatter, HoverTool

from adaptive_dask.cluster.scheduler_history import EDGES
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.style import GREEN, LogTicks, new_figure, new_note
from adaptive_dask.dashboard.view import Look, RunChart

_TICKS = """
const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const [size, unit] = units.find(([size]) => tick >= 0.999 * size) ?? [1e-6, "µs"];
return `${+(tick / size).toPrecision(3)} ${unit}`;
"""


class DurationChart(RunChart):
    """The number of evaluations by their duration."""

    def __init__(self) -> None:
        self._source = ColumnDataSource({"left": [], "right": [], "count": [], "span": []})
        self.root = new_figure(
            x_axis_type="log",
            x_axis_label="time of an evaluation",
            y_axis_label="evaluations",
            from_zero=True,
            count_axis=True,
        )
        self._ticks = LogTicks(self.root.xaxis, CustomJSTickFormatter(code=_TICKS))
        quads = self.root.quad(
            left="left", right="right", top="count", bottom=0, source=self._source, color=GREEN, fill_alpha=0.6
        )
        self.root.add_tools(HoverTool(renderers=[quads], tooltips=[("evaluations", "@count{0,0}"), ("of", "@span")]))
        self._note = new_note(self.root)

    def key(self, look: Look, run: HostedRun) -> object:
        return run.history.evaluated

    def draw(self, look: Look, run: HostedRun, patch: Patch) -> None:
        counts = run.history.durations
        used = [i for i, count in enumerate(counts) if count]
        shown = range(used[0], used[-1] + 1) if used else range(0)
        patch.fill(
            self._source,
            {
                "left": [EDGES[i] for i in shown],
                "right": [EDGES[i + 1] for i in shown],
                "count": [counts[i] for i in shown],
                "span": [f"{readable(EDGES[i])} to {readable(EDGES[i + 1])}" for i in shown],
            },
        )
        self._ticks.fit(patch, [EDGES[shown[0]], EDGES[shown[-1] + 1]] if shown else [])
        patch.put(self._note, text=_describe(counts) if used else "No evaluation has ended yet.")


def _describe(counts: Sequence[int]) -> str:
    median, most = quantile(counts, 0.5), quantile(counts, 0.95)
    return f"median {readable(median)}, 95 % below {readable(most)}"


def quantile(counts: Sequence[int], share: float) -> float:
    """Return a quantile of the durations, to within the width of a bin."""
    wanted, below = share * sum(counts), 0
    for i, count in enumerate(counts):
        if count and below + count >= wanted:
            part = (wanted - below) / count
            return float(EDGES[i] * (EDGES[i + 1] / EDGES[i]) ** part)
        below += count
    return math.nan


def readable(seconds: float) -> str:
    """Format a duration with two digits and its unit."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if seconds >= 0.995 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {unit}"
    return f"{float(f'{seconds / 1e-6:.2g}'):g} µs"
