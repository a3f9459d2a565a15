"""Metrics of the runs for Prometheus, among those of the scheduler."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from distributed.http.prometheus import PrometheusCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from adaptive_dask.dashboard.numbers import as_row, runs_of
from adaptive_dask.run.status import HOSTED_STATES

_GAUGES: dict[str, str] = {
    "points": "Points that the learner knows",
    "loss": "Loss of the learner",
    "slots": "Evaluators at work",
    "in_flight": "Points that were sent to workers and are not back",
    "failed": "Points that failed for good",
    "infeasible": "Points where the function has no value",
}
_COUNTERS: dict[str, str] = {
    "evaluated": "Evaluations that have ended",
    "retries": "Evaluations that failed and were repeated",
    "timeouts": "Evaluations that took longer than point_timeout",
    "lost": "Evaluations that may have ended their worker",
    "function_seconds": "Time spent in the function",
    "slot_seconds": "Time of evaluators, busy or not",
    "learner_seconds": "Processor time of the learner on the scheduler",
}


class AdaptiveCollector(PrometheusCollector):
    """Collects the numbers of the runs on the scheduler that gets the request."""

    def _named(self, name: str) -> str:
        build_name: Callable[[str], str] = self.build_name
        return build_name(f"adaptive_{name}")

    def collect(self) -> Iterator[Metric]:
        runs = [as_row(run.numbers()) for run in runs_of(self.server)] if self.server is not None else []
        statuses = GaugeMetricFamily(self._named("runs"), "Runs by status", labels=["status"])
        for status in HOSTED_STATES:
            statuses.add_metric([status], sum(run["status"] == status for run in runs))
        yield statuses
        for name, text in _GAUGES.items():
            yield _filled(GaugeMetricFamily(self._named(name), text, labels=["run", "learner"]), name, runs)
        for name, text in _COUNTERS.items():
            yield _filled(CounterMetricFamily(self._named(name), text, labels=["run", "learner"]), name, runs)


def _filled(family: Any, name: str, runs: list[dict[str, Any]]) -> Metric:
    for run in runs:
        if not math.isnan(run[name]):
            family.add_metric([run["name"], run["learner"]], run[name])
    filled: Metric = family
    return filled
