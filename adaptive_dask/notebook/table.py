"""live_info of many runs: a table, with buttons to cancel, pause and resume all of them."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from adaptive_dask.notebook.clock import check_interval
from adaptive_dask.notebook.extension import load_widgets, require_kernel
from adaptive_dask.notebook.info import LiveWidget, clock, new_button
from adaptive_dask.runner.many_runs import Runs


def live_table(runs: Runs, *, update_interval: float = 0.5) -> None:
    """Show the status of runs; see `Runs.live_info`."""
    check_interval(update_interval)
    require_kernel("live_info()", "In a terminal or a script, use live_info_terminal()")
    LiveTable(runs).show(update_interval)


class LiveTable(LiveWidget):
    """The widget of many runs, which drops its references to them when all have ended.

    Parameters
    ----------
    runs : Runs
    """

    def __init__(self, runs: Runs) -> None:
        widgets = load_widgets()
        self._runs: Runs | None = runs
        self._table = widgets.HTML()
        self._error = widgets.HTML()

        cancel = new_button("cancel all", "End the runs now", lambda: self._do(lambda runs: runs.cancel()))
        pause = new_button("pause all", "Begin no more evaluations", lambda: self._do(lambda runs: runs.pause()))
        resume = new_button("resume all", "Go on", lambda: self._do(lambda runs: runs.resume()))
        self._buttons = widgets.HBox([cancel, pause, resume])
        self.box = widgets.VBox([self._table, self._buttons, self._error])

    def beat(self) -> float | None:
        """Update the table."""
        runs = self._runs
        if runs is None or self.box.comm is None:
            return None
        has_ended = all(runner._run.done.done() for runner in runs)
        text = runs.newest_html()
        if text != self._table.value:
            self._table.value = text
        if has_ended:
            self._runs = None
            self._buttons.layout.display = "none"
            return None
        return self._next_beat()

    def _do(self, action: Callable[[Runs], Any]) -> None:
        if self._runs is None:
            return
        try:
            action(self._runs)
            self._error.value = ""
        except Exception as error:
            self._error.value = f"<pre>{html.escape(str(error))}</pre>"
        clock.hurry(self.beat)
