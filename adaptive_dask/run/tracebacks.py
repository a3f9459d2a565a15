"""Tracebacks and places of user code, without the frames of this package around it."""

from __future__ import annotations

import os
import sys
import threading
import traceback

from adaptive_dask.plain import printable, safe_repr, shorten
from adaptive_dask.user_code import reraise_interrupt

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_AROUND = tuple(os.path.join(_PACKAGE, folder, "") for folder in ("cluster", "local", "learner", "isolated"))


def format_error(error: BaseException) -> str:
    """Format a traceback as Python does, printable and shortened if it is very long. Never raises."""
    try:
        return shorten(printable("".join(traceback.format_exception(error))))
    except BaseException as trouble:
        reraise_interrupt(trouble)
        return f"{safe_repr(error)}, whose traceback cannot be printed"


def format_from_function(error: BaseException) -> str:
    """Return the traceback, starting at the user's function."""
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_AROUND):
        inner = inner.tb_next
    return format_error(BaseException.with_traceback(error, inner))


def place_of(thread: threading.Thread) -> str:
    """Return the function that a thread executes, the outermost one of user code; empty if the thread has ended.

    Reads no files, so it may be called on an event loop.
    """
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return ""
    code, line = frame.f_code, frame.f_lineno
    while frame is not None and not frame.f_code.co_filename.startswith(_PACKAGE):
        code, line = frame.f_code, frame.f_lineno
        frame = frame.f_back
    return printable(f"{code.co_qualname} ({code.co_filename}, line {line})")


def stack_of(thread: threading.Thread) -> str:
    """Return the stack of a thread inside the user's function; empty if the thread has ended."""
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return ""
    stack = traceback.extract_stack(frame)
    inside = [i for i, entry in enumerate(stack) if entry.filename.startswith(_PACKAGE)]
    return shorten(printable("".join(traceback.format_list(stack[inside[-1] + 1 if inside else 0 :]))))
