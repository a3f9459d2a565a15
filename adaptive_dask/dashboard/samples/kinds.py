"""The follower for each kind of learner."""

from __future__ import annotations

from typing import Any

from adaptive_dask.dashboard.samples.line import TuplesFollower
from adaptive_dask.dashboard.samples.plane import PlaneFollower
from adaptive_dask.dashboard.samples.values import ValuesFollower
from adaptive_dask.learner import kinds


def make_follower(learner: Any) -> Any:
    """Make the follower of a learner's kind. The default shows values in order of arrival."""
    return kinds.find(learner, "follower", ValuesFollower)(learner)


def make_space_follower(learner: Any) -> TuplesFollower | PlaneFollower:
    """Make the follower of a learner of points in space: a line in one dimension, a plane in more."""
    return TuplesFollower(learner) if learner.ndim == 1 else PlaneFollower(learner)
