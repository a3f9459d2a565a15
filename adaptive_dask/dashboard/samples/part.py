"""The part of the page with the samples: the right picture for the learner of the run."""

from __future__ import annotations

from functools import partial
from typing import Any

from bokeh.models import Column, CustomJS
from bokeh.models.widgets import Div

from adaptive_dask.dashboard.patch import Patch, Wire, keep_quiet
from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.dashboard.view import Look, Reading

# The browser lets go of models that were replaced when half a minute passes without a message. Here one never does.
_FORGET = "const { document } = cb_obj; setTimeout(() => document?._recompute_all_models?.(), 1000)"


class Following:
    """What is known of a run while the page shows it."""

    def __init__(self) -> None:
        self.follower: Any = None
        self.asked: Any = None  # where somebody looks, until the follower was told
        self.key: object = None

    def read(self, session: Any) -> Any:
        """Take what is new; in the learner's thread."""
        learner = session.learner
        while type(learner).__name__ == "DataSaver":
            learner = learner.learner
        if self.follower is None:
            self.follower = make_follower(learner)
        asked, self.asked = self.asked, None
        if asked is not None:
            self.follower.look_at(asked)
        return self.follower.read(learner, list(session.points.in_flight.values()))


class Samples:
    """The samples of a run. The picture is made anew for another run, and updated for the same."""

    def __init__(self) -> None:
        self._run = ""
        self._following = Following()
        self._charted: Following | None = None  # whose picture there is
        self._chart: Any = None
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
        """How to read what is new."""
        following = self._following
        key = (run.feed.position, run.status, run.assignments.in_flight > 0)
        is_behind = following.follower is None or following.follower.behind or following.asked is not None
        if run.id != self._run or (key == following.key and not is_behind):
            return None
        following.key = key
        return Reading(following.read, partial(self._prepare, following))

    def _prepare(self, following: Following, raw: Any) -> Any:
        """What the chart shows; a new chart if need be, for making one takes long."""
        follower, chart = following.follower, self._chart
        prepared = follower.prepare(raw)
        # How many components values have is known once there is one.
        fits = following is self._charted and getattr(chart, "components", 0) == getattr(follower, "components", 0)
        if not fits:
            chart = follower.make_chart()
        patch = Patch()
        chart.show(prepared, patch)
        if fits:
            return following, chart, patch.encode()
        patch.apply()
        keep_quiet(chart.root.references())
        return following, chart, None

    def show(self, data: Any, wire: Wire) -> None:
        following, chart, patch = data
        if following is not self._following:
            return  # of a run that was looked at before
        if patch is not None:
            wire.send(patch)
            return
        self._charted, self._chart = following, chart
        if hasattr(chart, "on_look"):
            chart.on_look(partial(self._look_at, following))
        self.root.children = [self._waiting, chart.root]
        shown = Patch()
        shown.put(self._waiting, visible=False)
        wire.send(shown.encode())

    def _look_at(self, following: Following, where: Any) -> None:
        """Somebody zooms, or chooses: read all again, for what is looked at now."""
        following.asked = where
