"""InThread: Bokeh documents are made, and encoded, in a thread instead of on the scheduler's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from bokeh.application.handlers.handler import Handler
from bokeh.document import Document


class InThread(Handler):
    """Makes a document for each page that is opened.

    A page of ours has 280 models: 0.3 s for making them and 0.1 s for the text that the browser gets. Until the
    session is there, nobody else has the document.

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
        """It is made already."""

    def _fill(self, doc: Document) -> None:
        self._make(doc)
        encoded = doc.to_json()

        def to_json(deferred: bool = True) -> Any:
            del doc.to_json
            return encoded

        # The first time is when the browser comes for it; until then a page does not change.
        doc.to_json = to_json  # type: ignore[method-assign]
