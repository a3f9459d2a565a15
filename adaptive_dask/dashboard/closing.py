"""What happens when a page is closed: it looks no more, and goes without holding up the scheduler's event loop.

Bokeh has Python collect garbage twice for each document that goes, which looks at all objects of the process. With
learners of a million points on the scheduler that takes the event loop 0.4 s. Garbage is collected in time anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import bokeh.events
from bokeh.document import Document


def notice_closing(doc: Document, close: Callable[[Any], None]) -> None:
    """Have `close` called when the page is closed, and the document go quietly."""
    if hasattr(bokeh.events, "ConnectionLost"):  # since Bokeh 3.8
        doc.on_event("connection_lost", close)
    else:
        doc.on_session_destroyed(close)
    doc.destroy = _destroy.__get__(doc)  # type: ignore[method-assign]


def _without_collecting(function: Any) -> FunctionType:
    """The same function, for which there is no garbage to collect."""
    names = {**function.__globals__, "gc": SimpleNamespace(collect=lambda: 0)}
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


_destroy = _without_collecting(Document.destroy)
