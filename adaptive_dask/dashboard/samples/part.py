"""The part of the page that shows the samples, with the picture that suits the learner."""

from __future__ import annotations

from functools import partial
from typing import Any

from bokeh.models import Column, CustomJS
from bokeh.models.widgets import Div

from adaptive_dask.dashboard.patch import Patch, Wire, keep_quiet
from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.dashboard.view import Look, Reading, ReadingPart
from adaptive_dask.learner.kinds import find

# Bokeh releases replaced models in the browser after half a minute without a message, which never passes here.
_FORGET = "const { document } = cb_obj; setTimeout(() => document?._recompute_all_models?.(), 1000)"

# The maximum number of learners that wrap one another, as a `DataSaver` wraps its learner.
MAX_WRAPPERS = 100


class Following:
    """The state of the run that the page shows."""

    def __init__(self) -> None:
        self.follower: Any = None
        self.asked: Any = None  # the visible region, until the follower has it
        self.key: object = None

    def read(self, session: Any) -> Any:
        """Read new data. Called in the learner's thread."""
        learner = _innermost(session.learner)
        if self.follower is None:
            self.follower = make_follower(learner)
        asked, self.asked = self.asked, None
        if asked is not None:
            self.follower.look_at(asked)
        return self.follower.read(learner, list(session.points.in_flight.values()))


def _innermost(learner: Any) -> Any:
    outer = learner
    for _ in range(MAX_WRAPPERS):
        inside = find(learner, "inside")
        if inside is None:
            return learner
        learner = inside(learner)
    raise ValueError(
        f"inside must return the learner that another one wraps, got more than {MAX_WRAPPERS} learners in a "
        f"{type(outer).__name__}. Does it return its argument?"
    )


class Samples(ReadingPart):
    """The samples of a run. A new run gets a new picture; the picture of the same run is updated."""

    def __init__(self) -> None:
        self._run = ""
        self._following = Following()
        self._charted: Following | None = None  # the run whose picture is shown
        self._chart: Any = None
        self._components: object = None  # what the chart was made for
        self._waiting = Div(text="Waiting for the learner …", disable_math=True)
        self.root = Column(children=[self._waiting], sizing_mode="stretch_both")
        self.root.js_on_change("children", CustomJS(code=_FORGET))

    def update(self, look: Look, patch: Patch) -> None:
        run = look.run.id if look.run is not None else ""
        if run == self._run:
            return
        self._run, self._following = run, Following()
        if self._charted is not None:
            self._charted = None
            patch.put(self._chart.root, visible=False)
            patch.put(self._waiting, visible=True)

    def reading(self, run: Any) -> Reading | None:
        """Return how to read new data."""
        following = self._following
        key = (run.feed.position, run.status, run.assignments.in_flight > 0)
        is_behind = following.follower is None or following.follower.behind or following.asked is not None
        if run.id != self._run or (key == following.key and not is_behind):
            return None
        following.key = key
        return Reading(following.read, partial(self._prepare, following))

    def _prepare(self, following: Following, raw: Any) -> Any:
        """Return the data of the chart, and a new chart if one is needed, because making one takes long."""
        follower, chart = following.follower, self._chart
        prepared = follower.prepare(raw)
        # Only some charts have components; their number is known after the first value.
        components = getattr(follower, "components", None)
        fits = following is self._charted and components == self._components
        if not fits:
            chart = follower.make_chart()
        patch = Patch()
        chart.show(prepared, patch)
        if fits:
            return following, chart, components, patch.encode()
        patch.apply()
        keep_quiet(chart.root.references())
        return following, chart, components, None

    def show(self, data: Any, wire: Wire) -> None:
        following, chart, components, patch = data
        if following is not self._following:
            return  # belongs to the run that was shown before
        if patch is not None:
            wire.send(patch)
            return
        self._charted, self._chart, self._components = following, chart, components
        if hasattr(chart, "on_look"):
            chart.on_look(partial(self._look_at, following))
        self.root.children = [self._waiting, chart.root]
        shown = Patch()
        shown.put(self._waiting, visible=False)
        wire.send(shown.encode())

    def _look_at(self, following: Following, where: Any) -> None:
        """Read all data again after the user zooms or chooses coordinates."""
        following.asked = where
