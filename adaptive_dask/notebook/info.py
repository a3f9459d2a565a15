"""live_info: the numbers of a run, with buttons to cancel, pause and resume it."""

from __future__ import annotations

import asyncio
import html
import inspect
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from adaptive_dask.logs import get_logger
from adaptive_dask.notebook.clock import Clock, check_interval, slowed
from adaptive_dask.notebook.details import describe_failures, describe_log
from adaptive_dask.notebook.extension import load_widgets, require_kernel
from adaptive_dask.notebook.figures import describe
from adaptive_dask.run.progress import ProgressHistory
from adaptive_dask.run.status import ENDED
from adaptive_dask.runner import AsyncRunner
from adaptive_dask.runner.dashboard_link import make_link
from adaptive_dask.runner.run import Run, shown_status, status_of

logger = get_logger(__name__)

clock = Clock("adaptive-live-info")

# See `slowed`.
SLOWING = 1 / 5000


def live_info(runner: AsyncRunner, *, update_interval: float = 0.5) -> None:
    """Show the status of a run; see `AsyncRunner.live_info`."""
    check_interval(update_interval)
    require_kernel("live_info()", "In a terminal or a script, use live_info_terminal()")
    load_widgets()
    LiveInfo.of(runner._run).show(update_interval)


class LiveWidget(ABC):
    """A widget that is updated while a notebook shows it.

    Attributes
    ----------
    box : ipywidgets.VBox
    """

    box: Any
    _interval = 0.5
    _shown_at = 0.0  # monotonic time of the last `show`

    def show(self, interval: float) -> None:
        """Show the widget in this cell, and update it at this interval (seconds) from now on."""
        from IPython import display

        self._interval, self._shown_at = interval, time.monotonic()
        pause = self.beat()
        display.display(self.box)
        if pause is not None:
            clock.add(self.beat, interval)

    @abstractmethod
    def beat(self) -> float | None:
        """Update the widget. Return the time until the next update (seconds); None after the end or if closed."""

    def _next_beat(self) -> float:
        return slowed(self._interval, self._shown_at, SLOWING)


class LiveInfo(LiveWidget):
    """The widget of a run; each run has one, which can be shown several times.

    Widgets exist until the kernel ends, so this drops its reference to the run, and its learner, when the run has
    ended.

    Parameters
    ----------
    run : Run
    """

    _of: ClassVar[weakref.WeakKeyDictionary[Run, LiveInfo]] = weakref.WeakKeyDictionary()

    def __init__(self, run: Run) -> None:
        widgets = load_widgets()
        self._run: Run | None = run
        self._details: Mapping[str, Any] = {}  # details of a run that has ended
        self._history = ProgressHistory(run.losses_before)
        self._link: str | None = None
        self._error = ""  # the error of the last update
        self._shown: Callable[[Mapping[str, Any]], str] | None = None
        self._turn = threading.Lock()  # updated by cells and by the clock
        self._figures = widgets.HTML()
        self._below = widgets.HTML()

        self._cancel = new_button("cancel", "End the run now", lambda: self._control("cancel"))
        self._pause = new_button("pause", "Begin no more evaluations", lambda: self._control("pause"))
        self._resume = new_button("resume", "Go on", lambda: self._control("resume"))
        self._failures = new_button("failures", "Points that failed, and why", lambda: self._toggle(describe_failures))
        self._log = new_button("show log", "The calls to the learner", lambda: self._toggle(describe_log))
        buttons = [self._cancel, self._pause, self._resume, self._failures, self._log]
        self.box = widgets.VBox([self._figures, widgets.HBox(buttons), self._below])
        clock.hurry_when_done(self.beat, run.done)

    @classmethod
    def of(cls, run: Run) -> LiveInfo:
        """Return the widget of a run, created at the first call."""
        info = cls._of.get(run)
        if info is None or info.box.comm is None:  # closed
            info = cls._of[run] = cls(run)
        return info

    def beat(self) -> float | None:
        """Update the numbers."""
        with self._turn:
            run = self._run
            if run is None or self.box.comm is None:
                return None
            has_ended = run.done.done()
            try:
                self._update(run)
                self._error = ""
            except Exception as error:  # the next update may succeed
                if repr(error) != self._error:
                    logger.exception("The status of the run %r could not be updated", run.name)
                self._error = repr(error)
            if has_ended:
                self._details, self._run = run.details, None
                return None
            return self._next_beat()

    def _update(self, run: Run) -> None:
        state, summary = shown_status(run), run.summary
        if self._link is None or not summary.get("pages", True):
            self._link = make_link(run.executor, run.name, summary)
        text = _describe(run, self._history, self._link)
        if text != self._figures.value:
            self._figures.value = text
        _set_visible(self._cancel, state not in ENDED)
        _set_visible(self._pause, state in ("running", "waiting"))
        _set_visible(self._resume, state == "paused")
        _set_visible(self._failures, bool(summary.get("failed")) or state == "failed")

    # ---- actions of the buttons, on the notebook's event loop

    def _control(self, action: str) -> None:
        if self._run is not None:
            self._do(self._run, self._run.control, action)

    def _toggle(self, show: Callable[[Mapping[str, Any]], str]) -> None:
        if self._shown is show:
            self._shown, self._below.value = None, ""
            return
        self._shown = show
        if self._run is None:
            self._show_below(self._details)
        else:
            self._do(self._run, self._run.inspect)

    def _do(self, run: Run, call: Callable[..., Any], *args: Any) -> None:
        try:
            result = run.do(call, *args)
        except Exception as error:
            self._tell_error(error)
            return
        if inspect.isawaitable(result):
            asyncio.ensure_future(result).add_done_callback(self._done)
        else:
            self._show_below(result)

    def _done(self, task: asyncio.Future[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell_error(error)
        elif not task.cancelled():
            self._show_below(task.result())

    def _show_below(self, details: Mapping[str, Any] | None) -> None:
        if details is not None and self._shown is not None:
            self._below.value = f'<div class="adaptive-info">{self._shown(details)}</div>'
        clock.hurry(self.beat)

    def _tell_error(self, error: BaseException) -> None:
        self._below.value = f'<div class="adaptive-info error"><pre>{html.escape(str(error))}</pre></div>'


def static_info(runner: AsyncRunner) -> str:
    """Return the present status of a run as HTML: `live_info` without widgets."""
    run = runner._run
    return _describe(run, ProgressHistory(run.losses_before), runner.dashboard_link)


def _describe(run: Run, history: ProgressHistory, link: str | None) -> str:
    status, done = status_of(run), run.done
    error = done.exception() if done.done() and not done.cancelled() else None
    if status is not None:
        history.note(status)
    return describe(run.name, shown_status(run), status, history, link, error)


def new_button(text: str, tooltip: str, action: Callable[[], None]) -> Any:
    """Return a button that calls a function."""
    widgets = load_widgets()
    button = widgets.Button(description=text, tooltip=tooltip, layout=widgets.Layout(width="auto"))
    button.on_click(lambda _: action())
    return button


def _set_visible(widget: Any, is_visible: bool) -> None:
    display = None if is_visible else "none"
    if widget.layout.display != display:
        widget.layout.display = display
