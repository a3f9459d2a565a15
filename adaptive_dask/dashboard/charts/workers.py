"""Evaluations by worker."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, CustomJSTickFormatter, FixedTicker, HoverTool

from adaptive_dask.cluster.scheduler_history import OTHERS
from adaptive_dask.cluster.scheduler_run import HostedRun
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.style import PURPLE, RED, new_figure, new_note
from adaptive_dask.dashboard.view import Look, RunChart

# Up to this number of workers, names are shown below the bars.
MOST_NAMES = 8


class WorkerChart(RunChart):
    """The number of evaluations of each worker, in decreasing order."""

    def __init__(self) -> None:
        names = ("place", "name", "short", "address", "evaluated", "failures", "top", "mean", "alpha")
        self._source = ColumnDataSource({name: [] for name in names})
        self.root = new_figure(x_axis_label="worker", y_axis_label="evaluations", from_zero=True, count_axis=True)
        self._ticker = FixedTicker(ticks=[])
        (self._axis,) = self.root.xaxis
        self._axis.ticker = self._ticker
        self._axis.formatter = CustomJSTickFormatter(
            args={"source": self._source}, code="return source.get_column('short')?.[tick] ?? ''"
        )
        options: dict[str, Any] = {"x": "place", "source": self._source, "width": 0.8, "fill_alpha": "alpha"}
        bars = self.root.vbar(bottom=0, top="evaluated", color=PURPLE, line_alpha=0, **options)
        failed = self.root.vbar(bottom="evaluated", top="top", color=RED, line_alpha=0, **options)
        tips = [
            ("worker", "@name, @address"),
            ("evaluations", "@evaluated{0,0}"),
            ("failed", "@failures{0,0}"),
            ("mean time", "@mean{0.0000} s"),
        ]
        self.root.add_tools(HoverTool(renderers=[bars, failed], tooltips=tips))
        self._note = new_note(self.root)

    def key(self, look: Look, run: HostedRun) -> object:
        failures = sum(count.failures for count in run.history.workers.values())
        return run.history.evaluated, failures, len(look.scheduler.workers)

    def draw(self, look: Look, run: HostedRun, patch: Patch) -> None:
        counts = sorted(run.history.workers.items(), key=lambda item: (item[0] == OTHERS, -item[1].evaluated))
        here = look.scheduler.workers
        names = [str(here[address].name) if address in here else f"{address} (gone)" for address, _ in counts]
        patch.fill(
            self._source,
            {
                "place": list(range(len(counts))),
                "name": names,
                "short": list(map(_short, names)),
                "address": [address for address, _ in counts],
                "evaluated": [count.evaluated for _, count in counts],
                "failures": [count.failures for _, count in counts],
                "top": [count.evaluated + count.failures for _, count in counts],
                "mean": [count.seconds / max(count.evaluated + count.failures, 1) for _, count in counts],
                "alpha": [0.8 if address in here else 0.35 for address, _ in counts],
            },
        )
        few = len(counts) <= MOST_NAMES
        patch.put(self._ticker, ticks=list(range(len(counts))) if few else [])
        patch.put(self._axis, axis_label="worker" if few else f"{len(counts)} workers, by evaluations")
        patch.put(self._note, text="" if counts else "No worker has evaluated anything yet.")


def _short(name: str) -> str:
    name = name.removeprefix("tcp://").removeprefix("tls://")
    return name if len(name) <= 12 else f"…{name[-11:]}"
