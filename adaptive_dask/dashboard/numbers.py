"""How every run stands, in numbers: what the table, the JSON and the metrics show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

ENDED = frozenset({"finished", "cancelled", "failed"})


class RunNumbers(NamedTuple):
    """One run at this moment.

    Attributes
    ----------
    points_per_second : float
        At present; of a run that has ended, on average.
    busy : float
        The share of the evaluators' time that was spent in the function; NaN as long as that is not known.
    in_flight_share : float
        Points in flight divided by points known, k/N; NaN without points.
    learner_share : float
        Of one core, for which the learner computed on the scheduler, on average.
    age, elapsed : float
        Seconds since the run began, and for how long it went on.
    retries, timeouts, lost : int
        Evaluations that failed and were repeated, took longer than ``point_timeout``, and were lost with their worker.
    waits_for : str or None
        What a run without evaluators waits for.
    """

    name: str
    id: str
    learner: str
    status: str
    points: int
    loss: float
    points_per_second: float
    busy: float
    slots: int
    in_flight: int
    in_flight_share: float
    evaluated: int
    failed: int
    retries: int
    timeouts: int
    lost: int
    learner_share: float
    learner_seconds: float
    function_seconds: float
    slot_seconds: float
    age: float
    elapsed: float
    waits_for: str | None


def host_of(scheduler: Any) -> Any:
    """The plugin that hosts the runs; None on a scheduler that has none (yet, or any more)."""
    return scheduler.plugins.get("adaptive")


def runs_of(scheduler: Any) -> list[Any]:
    """The hosted runs, the newest first."""
    host = host_of(scheduler)
    return [] if host is None else sorted(host.runs.values(), key=lambda run: -run.started)


def numbers_of(run: Any) -> RunNumbers:
    """The numbers of a run; reads attributes only, so it may be called on the event loop."""
    summary: Mapping[str, Any] = run.summary()
    elapsed = summary["elapsed"]
    slot_seconds, npoints = summary["slot_seconds"], summary["npoints"]
    known = summary["evaluated"] > 0 and slot_seconds > 0
    pace = summary["evaluated"] / elapsed if summary["ended"] and elapsed else summary["points_per_second"]
    return RunNumbers(
        name=summary["name"],
        id=summary["id"],
        learner=summary["learner"],
        status=summary["status"],
        points=npoints,
        loss=summary["loss"],
        points_per_second=pace,
        busy=min(summary["function_seconds"] / slot_seconds, 1.0) if known else math.nan,
        slots=summary["slots"],
        in_flight=summary["in_flight"],
        in_flight_share=summary["in_flight"] / npoints if npoints else math.nan,
        evaluated=summary["evaluated"],
        failed=summary["failed"],
        retries=summary.get("retries", 0),
        timeouts=summary.get("timeouts", 0),
        lost=summary.get("lost", 0),
        learner_share=summary["learner_cpu_seconds"] / elapsed if elapsed else 0.0,
        learner_seconds=summary["learner_cpu_seconds"],
        function_seconds=summary["function_seconds"],
        slot_seconds=slot_seconds,
        age=summary["age"],
        elapsed=elapsed,
        waits_for=summary["waits_for"],
    )
