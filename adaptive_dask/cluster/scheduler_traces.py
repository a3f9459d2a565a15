"""Limit the records of tasks and clients that Dask keeps forever to one of each for all runs."""

from __future__ import annotations

from typing import Any

from distributed import Scheduler

from adaptive_dask.cluster.dask_internals import event_topics, forget_submissions

# One span for all evaluators. Otherwise, Dask creates and keeps one after every period without tasks.
SPAN: dict[str, tuple[str, ...]] = {"name": ("adaptive",), "ids": ("adaptive-evaluators",)}

# The name of the host's clients.
HOST_CLIENT = "adaptive-host"


def trim_span(scheduler: Scheduler) -> None:
    """Remove groups of tasks that the scheduler has forgotten from the span of the evaluators."""
    extension: Any = scheduler.extensions.get("spans")
    span = None if extension is None else extension.spans.get(SPAN["ids"][0])
    if span is not None:
        span.groups = {group for group in span.groups if scheduler.task_groups.get(group.name) is group}
        forget_submissions(span)


def forget_topic(scheduler: Scheduler, topic: str, event: Any) -> None:
    """Remove the log of events of a client of the host that was closed; Dask keeps it forever.

    Call this for each event, because Dask logs the end of a client twice.
    """
    if topic.startswith(f"Client-{HOST_CLIENT}-") and event.get("action") == "remove-client":
        event_topics(scheduler).pop(topic, None)
