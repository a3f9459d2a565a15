"""The part of the page with the samples: the right picture for the learner of the run."""

from __future__ import annotations

from typing import Any

from bokeh.models import Column
from bokeh.models.widgets import Div

from adaptive_dask.dashboard.frame import Frame, Wire, keep_quiet
from adaptive_dask.dashboard.samples.kinds import make_follower
from adaptive_dask.dashboard.view import Look


class Samples:
    """The samples of a run. The picture is made anew for another run, and updated for the same."""

    def __init__(self) -> None:
        self._run = ""
        self._key: object = None
        self._asked: Any = None  # where somebody looks, until the follower was told
        self._follower: Any = None
        self._charted: Any = None
        self._chart: Any = None
        self._waiting = Div(text="Waiting for the learner …", disable_math=True)
        self.root = Column(children=[self._waiting], sizing_mode="stretch_both")

    def update(self, look: Look, frame: Frame) -> None:
        if look.run is None and self._charted is not None:
            self.root.children = [self._waiting]
            self._charted = None

    def wants(self, run: Any) -> bool:
        """Whether there is something new."""
        key = (run.id, run.feed.position, run.status, run.board.in_flight > 0)
        if run.id != self._run:
            self._run, self._follower, self._asked = run.id, None, None
        is_behind = self._follower is None or self._follower.behind or self._asked is not None
        if key == self._key and not is_behind:
            return False
        self._key = key
        return True

    def read(self, session: Any) -> Any:
        """Take what is new; in the learner's thread."""
        learner = session.learner
        while type(learner).__name__ == "DataSaver":
            learner = learner.learner
        if self._follower is None:
            self._follower = make_follower(learner)
        follower, asked = self._follower, self._asked
        if asked is not None:
            self._asked = None
            follower.look_at(asked)
        return follower, follower.read(learner, list(session.in_flight.values()))

    def prepare(self, raw: Any) -> Any:
        """What the chart shows; a new chart if need be, for making one takes long."""
        follower, data = raw
        prepared = follower.prepare(data)
        chart = self._chart
        # How many components values have is known once there is one.
        fits = follower is self._charted and getattr(chart, "components", 0) == getattr(follower, "components", 0)
        if not fits:
            chart = follower.make_chart()
        frame = Frame()
        chart.show(prepared, frame)
        if fits:
            return follower, chart, frame.encode()
        frame.apply()
        keep_quiet(chart.root.references())
        return follower, chart, None

    def show(self, data: Any, wire: Wire) -> None:
        follower, chart, frame = data
        if follower is not self._follower:
            return  # of a run that was looked at before
        if frame is not None:
            wire.send(frame)
        else:
            self._charted, self._chart = follower, chart
            self._watch(chart)
            self.root.children = [chart.root]

    def _watch(self, chart: Any) -> None:
        """Follow what somebody does with the chart."""
        if hasattr(chart, "on_look"):
            chart.on_look(self._look_at)

    def _look_at(self, where: Any) -> None:
        """Read all again, for what is looked at now."""
        self._asked = where
