"""Returns the memory of forgotten runs to the system, and keeps garbage collections short."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


def freeze() -> None:
    """In a process of a scheduler, exclude the objects that exist now from garbage collections.

    Most of them belong to modules and stay. A full collection, which blocks the event loop, takes 90 ms with them. The
    process of a user is not changed, because its objects may become garbage.
    """
    if "distributed.cli.dask_scheduler" in sys.modules:  # loaded by ``dask scheduler``
        gc.freeze()


def empty(learner: Any) -> None:
    """Free the data of a learner that is not needed any more, and of the learners inside.

    Learners contain reference cycles. Python's garbage collector, which blocks the event loop, rarely visits large old
    objects.
    """
    for each in list(_learners_in(learner)):
        with suppress(TypeError):  # one with slots
            vars(each).clear()


def trim() -> None:
    """Let the allocator return free memory; glibc keeps memory below any part that is in use."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)  # without the interpreter lock


def _learners_in(learner: Any) -> Iterator[Any]:
    yield learner
    attributes = getattr(learner, "__dict__", {})
    children = attributes.get("learners")
    for each in (attributes.get("learner"), *(children if isinstance(children, list | tuple) else ())):
        if hasattr(each, "ask"):
            yield from _learners_in(each)
