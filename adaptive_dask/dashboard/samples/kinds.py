"""Which picture is for which kind of learner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adaptive_dask.dashboard.samples.average import MeanFollower
from adaptive_dask.dashboard.samples.children import ChildrenFollower
from adaptive_dask.dashboard.samples.intervals import IntegralFollower
from adaptive_dask.dashboard.samples.line import LineFollower, MeansFollower, TuplesFollower
from adaptive_dask.dashboard.samples.plane import PlaneFollower
from adaptive_dask.dashboard.samples.sequence import SequenceFollower
from adaptive_dask.dashboard.samples.values import BestFollower, ValuesFollower

# By the name of the class, of which subclasses inherit.
KINDS: dict[str, Callable[[Any], Any]] = {
    "AverageLearner": MeanFollower,
    "AverageLearner1D": MeansFollower,
    "BalancingLearner": ChildrenFollower,
    "IntegratorLearner": IntegralFollower,
    "Learner1D": LineFollower,
    "Learner2D": PlaneFollower,
    "LearnerND": lambda learner: (TuplesFollower if learner.ndim == 1 else PlaneFollower)(learner),
    "SKOptLearner": BestFollower,
    "SequenceLearner": SequenceFollower,
}


def make_follower(learner: Any) -> Any:
    """A follower for a learner; one that shows values in their order, if nothing better is known."""
    for kind in type(learner).__mro__:
        if kind.__name__ in KINDS and kind.__module__.startswith("adaptive_dask."):
            return KINDS[kind.__name__](learner)
    return ValuesFollower(learner)
