"""Return the memory of forgotten runs to the system, shorten garbage collections, and limit records that Dask keeps."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from typing import Any

from distributed import Scheduler

from adaptive_dask.cluster.dask_internals import event_topics, forget_submissions
from adaptive_dask.learner.any_learner import nested

# One span for all evaluators. Otherwise, Dask creates and keeps one after every period without tasks.
SPAN: dict[str, tuple[str, ...]] = {"name": ("adaptive",), "ids": ("adaptive-evaluators",)}

# The name of the host's clients.
HOST_CLIENT = "adaptive-host"


def freeze() -> None:
    """Exclude existing objects from garbage collections, in a process that was started as a scheduler.

    Most of them belong to modules and remain. With them, a full collection blocks the event loop for 90 ms. In the
    process of a user, the objects may become garbage and are not excluded.
    """
    if "distributed.cli.dask_scheduler" in sys.modules:  # loaded by ``dask scheduler``
        gc.freeze()


def empty(learner: Any) -> None:
    """Free the data of a learner and of its children.

    Learners contain reference cycles. Python's garbage collector, which blocks the event loop, rarely visits large old
    objects.
    """
    for each in list(nested(learner)):
        with suppress(TypeError):  # one with slots
            vars(each).clear()


def trim() -> None:
    """Return free memory to the system; glibc keeps free memory below blocks that are in use."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)  # without the interpreter lock


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
