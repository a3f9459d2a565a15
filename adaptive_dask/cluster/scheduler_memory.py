"""Gives memory of forgotten runs back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any


def empty(learner: Any) -> None:
    """Free what a learner holds that nobody needs any more, and the learners inside.

    Most refer to themselves, by a function that looks something up. Python would find that out when it collects
    garbage, which with much data it seldom does, and holds the event loop for.
    """
    for each in list(_learners_in(learner)):
        with suppress(TypeError):  # one with slots
            vars(each).clear()


def trim() -> None:
    """Have the allocator give free memory back; glibc otherwise keeps what lies below something that is in use."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)  # without Python's interpreter, which others have meanwhile


def _learners_in(learner: Any) -> Iterator[Any]:
    yield learner
    attributes = getattr(learner, "__dict__", {})
    children = attributes.get("learners")
    for each in (attributes.get("learner"), *(children if isinstance(children, list | tuple) else ())):
        if hasattr(each, "ask"):
            yield from _learners_in(each)
