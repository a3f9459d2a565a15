"""Returns the memory of forgotten runs to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


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
