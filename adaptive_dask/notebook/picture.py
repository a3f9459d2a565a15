"""live_plot: a plot of a learner that follows its run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.logs import get_logger
from adaptive_dask.notebook.clock import Clock, check_interval, slowed
from adaptive_dask.notebook.extension import load_bokeh, require_kernel
from adaptive_dask.notebook.turns import Turns
from adaptive_dask.notebook.views import Views
from adaptive_dask.plotting.backend import counting_failed, load_holoviews
from adaptive_dask.runner import AsyncRunner
from adaptive_dask.runner.local import LocalRun

logger = get_logger(__name__)

clock = Clock("adaptive-live-plot")

# The plots that are updated, by the `name` of `live_plot`.
active_plotting_tasks: dict[Hashable, LivePlot] = {}

# The maximum share of the time for drawing; less if the learner of the run needs the same interpreter.
SHARE = 0.3
SHARE_BESIDE_LEARNER = 0.1

# Updates of plots are large, and are queued while no browser is connected; see `slowed`.
SLOWING = 1 / 200

# The maximum number of points of a Learner1D that are drawn during the run; at the end, all points are drawn.
MOST_POINTS = 3_000


def live_plot(
    runner: AsyncRunner,
    *,
    plotter: Callable[[Any], Any] | None = None,
    update_interval: float = 2,
    name: Hashable = None,
    normalize: bool = True,
) -> Any:
    """Draw the learner and update the plot; see `AsyncRunner.live_plot`."""
    check_interval(update_interval)
    if plotter is not None and not callable(plotter):
        raise TypeError(f"plotter must be a function of the learner, got {plotter!r}.")
    require_kernel("live_plot()", "Anywhere else, runner.learner.plot() draws what is known at the moment")
    plot = LivePlot(runner, plotter, update_interval, name, normalize)
    plot.start()
    return plot.pictures


class LivePlot:
    """Updates a plot until its run ends, it is cancelled, or no notebook shows it any more.

    Parameters
    ----------
    runner : AsyncRunner
    plotter : callable or None
        Called with the learner; returns a HoloViews object.
    interval : float
        In seconds.
    name : hashable
        Key in `active_plotting_tasks`.
    normalize : bool
        Whether the axes follow the data.

    Attributes
    ----------
    pictures : holoviews.DynamicMap
    error : Exception or None
        The error of the last update.
    """

    def __init__(
        self,
        runner: AsyncRunner,
        plotter: Callable[[Any], Any] | None,
        interval: float,
        name: Hashable,
        normalize: bool,
    ) -> None:
        load_bokeh_unless_another()
        self._holoviews = load_holoviews()
        self._runner = runner
        self._run = runner._run
        self._plotter = plotter
        self._interval = interval
        self._name = name
        self._normalize = normalize
        self._made_at = time.monotonic()
        self._users_thread = threading.get_ident()
        self._turns = Turns()
        self._views = Views(self._holoviews)
        self._is_over = False
        self._drawn_at = -1
        self._cost = 0.0  # time for drawing, in seconds
        self.error: Exception | None = None
        self._received = self._run.replica.received
        self._last: Any = self._draw()
        self._is_new = True  # not shown yet
        self.pictures = self._as_map(self._last)

    # ---- as a task, in `active_plotting_tasks`

    def start(self) -> None:
        """Start to follow the run."""
        before = active_plotting_tasks.get(self._name)
        if before is not None:
            before.cancel()
        if self._run.done.done():
            self._is_over = True
            return
        active_plotting_tasks[self._name] = self
        clock.add(self.beat, self._interval)
        clock.hurry_when_done(self.beat, self._run.done)

    def cancel(self) -> None:
        """Stop updating the plot."""
        self._is_over = True
        clock.remove(self.beat)
        self._forget()
        self._views.let_go()

    def done(self) -> bool:
        """Return True if the plot is not updated any more."""
        return self._is_over

    def _forget(self) -> None:
        if active_plotting_tasks.get(self._name) is self:
            del active_plotting_tasks[self._name]

    # ---- in the clock's thread

    def beat(self) -> float | None:
        """Update the plot. Return the time until the next update (seconds); None after the end."""
        if self._is_over:
            return None
        has_ended = self._run.done.done()
        received = self._run.replica.received
        if self._views.any_open and received != self._drawn_at:
            self._turns.do(self._refresh)
            self._drawn_at = received
        if has_ended or self._views.all_closed:
            self._views.refresh_when_opened(self._refresh)
            self._is_over = True
            self._forget()
            return None
        share = SHARE_BESIDE_LEARNER if isinstance(self._run, LocalRun) else SHARE
        return max(slowed(self._interval, self._made_at, SLOWING), self._cost / share)

    def _refresh(self) -> None:
        begin = time.monotonic()
        try:
            self._views.refresh()
        except Exception as error:
            self._note(error)
        self._cost = time.monotonic() - begin

    def _note(self, error: Exception) -> None:
        """Log an error of drawing, unless the last update had the same."""
        if repr(error) != repr(self.error):
            logger.exception("The learner of the run %r could not be drawn", self._run.name, exc_info=error)
        self.error = error

    # ---- drawing

    def _draw(self) -> Any:
        is_mine = threading.get_ident() != self._users_thread
        # In another thread, a copy: a cell is running, during which the learner must not change.
        learner = self._run.replica.ahead() if is_mine else self._runner.learner
        with counting_failed(self._run.summary.get("failed", 0)):
            picture = self._plotter(learner) if self._plotter is not None else self._plot(learner)
        if self._normalize and not isinstance(picture, self._holoviews.DynamicMap):
            picture = picture.map(lambda element: element.opts(framewise=True), self._holoviews.Element)
        return picture

    def _plot(self, learner: Any) -> Any:
        if type(learner).plot is not Learner1D.plot or not isinstance(learner, Learner1D) or self._run.done.done():
            return learner.plot()
        return learner.plot(most_points=MOST_POINTS)

    def _next(self, **_: Any) -> Any:
        """Return a new picture, or the last one if drawing fails."""
        received = self._run.replica.received
        if self._is_new and self._received == received:
            self._is_new = False
            return self._last
        try:
            self._last, self._received, self.error = self._draw(), received, None
        except Exception as error:  # HoloViews would print it at every update
            self._note(error)
        return self._last

    def _without_sliders(self, picture: Any) -> Any:
        """Return the first of several pictures, because it is too late for a slider."""
        if not isinstance(picture, self._holoviews.HoloMap):
            return picture
        store = self._holoviews.Store
        first = next(iter(picture))
        title = store.lookup_options(store.current_backend, first, "plot").kwargs.get("title", "")
        names = ", ".join(kdim.name for kdim in picture.kdims)
        return first.opts(title=f"{title} (for a slider of {names}, call live_plot again)")

    def _as_map(self, picture: Any) -> Any:
        holoviews = self._holoviews
        streams = [self._views.stream]
        if not isinstance(picture, holoviews.HoloMap):
            return holoviews.DynamicMap(lambda **_: self._without_sliders(self._next()), streams=streams)
        # With sliders, which stay and choose from later pictures.
        kdims = list(picture.kdims)
        if not isinstance(picture, holoviews.DynamicMap):
            kdims = [kdim.clone(values=list(picture.dimension_values(kdim, expanded=False))) for kdim in kdims]

        def at(*key: Any, **_: Any) -> Any:
            return self._next()[key if len(key) > 1 else key[0]]

        pictures = holoviews.DynamicMap(at, kdims=kdims, streams=streams, cache_size=1)
        return pictures.opts(framewise=True) if self._normalize else pictures


def load_bokeh_unless_another() -> None:
    """Load a backend of HoloViews in the notebook: Bokeh, unless another one was chosen."""
    import holoviews

    if not holoviews.Store.loaded_backends():
        load_bokeh()
