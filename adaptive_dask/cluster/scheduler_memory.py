"""Return the memory of forgotten runs to the system, and keep garbage collections short."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from typing import Any

from adaptive_dask.learner.any_learner import nested


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
