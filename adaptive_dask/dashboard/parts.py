"""All parts of the page, by the name under which ``/individual-adaptive-…`` has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from adaptive_dask.dashboard.charts.durations import DurationChart
from adaptive_dask.dashboard.charts.event_loop import EventLoopChart
from adaptive_dask.dashboard.charts.failures import FailureList
from adaptive_dask.dashboard.charts.loss import LossChart
from adaptive_dask.dashboard.charts.over_time import LearnerChart, PaceChart
from adaptive_dask.dashboard.charts.workers import WorkerChart
from adaptive_dask.dashboard.run_table import RunTable
from adaptive_dask.dashboard.samples.part import Samples


class PartOfPage(NamedTuple):
    """How to make a part, and its title."""

    make: Callable[[], Any]
    title: str


PARTS: dict[str, PartOfPage] = {
    "runs": PartOfPage(RunTable, "Runs"),
    "samples": PartOfPage(Samples, "Samples"),
    "loss": PartOfPage(LossChart, "Loss against points"),
    "loss-over-time": PartOfPage(partial(LossChart, "seconds"), "Loss against time"),
    "points-per-second": PartOfPage(PaceChart, "Points per second"),
    "durations": PartOfPage(DurationChart, "Duration of evaluations"),
    "workers": PartOfPage(WorkerChart, "Evaluations per worker"),
    "learner": PartOfPage(LearnerChart, "Learner on the scheduler"),
    "event-loop": PartOfPage(EventLoopChart, "Delay of the scheduler's event loop"),
    "failures": PartOfPage(FailureList, "Failures"),
}
