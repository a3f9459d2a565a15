"""System calls of Linux that Python lacks; no effect on other systems."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _load() -> Any:
    with contextlib.suppress(OSError, TypeError):
        return ctypes.CDLL(None)
    return None


_libc = _load()


def _prctl(*args: int) -> None:
    if hasattr(_libc, "prctl"):
        _libc.prctl(*args, *[0] * (5 - len(args)))


def become_subreaper() -> None:
    """Make this process the parent of descendants whose parents have ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Make this process end when the thread that has forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def flush_streams_of_c() -> None:
    """Flush the output of C and Fortran code."""
    if _libc is not None:
        _libc.fflush(None)
