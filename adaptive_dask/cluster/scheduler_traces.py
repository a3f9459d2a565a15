"""What Dask keeps of tasks and clients for as long as the scheduler lives, kept to one of each for all runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptive_dask.cluster.dask_internals import event_topics, forget_submissions

if TYPE_CHECKING:
    from distributed import Scheduler

# Without that, Dask makes a new span whenever there is no task left, and keeps it, on the workers too.
SPAN: dict[str, tuple[str, ...]] = {"name": ("adaptive",), "ids": ("adaptive-evaluators",)}

# The host's clients are called so.
HOST_CLIENT = "adaptive-host"


def trim_span(scheduler: Scheduler) -> None:
    """Let the span of all evaluators go of groups of tasks that the scheduler has forgotten."""
    extension: Any = scheduler.extensions.get("spans")
    span = None if extension is None else extension.spans.get(SPAN["ids"][0])
    if span is not None:
        span.groups = {group for group in span.groups if scheduler.task_groups.get(group.name) is group}
        forget_submissions(span)


def forget_topic(scheduler: Scheduler, topic: str, event: Any) -> None:
    """Remove the log of events of a client of the host that goes; Dask empties it after an hour, and keeps it.

    To be called with each event: Dask notes twice that a client goes.
    """
    if topic.startswith(f"Client-{HOST_CLIENT}-") and event.get("action") == "remove-client":
        event_topics(scheduler).pop(topic, None)
