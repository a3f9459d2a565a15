"""Bokeh documents that are created, encoded and closed without blocking the scheduler's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import bokeh.events
from bokeh.application.handlers.handler import Handler
from bokeh.document import Document

from adaptive_dask.dashboard.internals import destroy_without_collecting, encode_beforehand


class MadeInThread(Handler):
    """Creates a document for each page that is opened.

    A page has 280 models. Creating them takes 0.3 s and encoding them for the browser 0.1 s, so both happen in a
    thread, before any other code has access to the document.

    Parameters
    ----------
    make : callable
        Fills a document. Called in a thread.
    """

    def __init__(self, make: Callable[[Document], None]) -> None:
        super().__init__()
        self._make = make

    async def on_session_created(self, session_context: Any) -> None:
        await session_context.with_locked_document(lambda doc: asyncio.to_thread(self._fill, doc))

    def modify_document(self, doc: Document) -> None:
        """Do nothing; the document is complete already."""

    def _fill(self, doc: Document) -> None:
        self._make(doc)
        encode_beforehand(doc)


def notice_closing(doc: Document, close: Callable[[Any], None]) -> None:
    """Call `close` when the page is closed, and prevent Bokeh from collecting garbage then.

    Bokeh collects garbage twice for each document, which blocks the event loop for 0.4 s if the scheduler holds
    learners with a million points.
    """
    if hasattr(bokeh.events, "ConnectionLost"):  # since Bokeh 3.8
        doc.on_event("connection_lost", close)
    else:
        doc.on_session_destroyed(close)
    destroy_without_collecting(doc)
