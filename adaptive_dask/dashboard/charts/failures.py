"""Points that failed, with their tracebacks."""

from __future__ import annotations

import html
from typing import Any

from bokeh.models import InlineStyleSheet
from bokeh.models.widgets import Div

from adaptive_dask.dashboard.patch import Patch, Wire
from adaptive_dask.dashboard.view import Look, Reading, ReadingPart
from adaptive_dask.plain import safe_repr

# Limits: number of points, and characters of each traceback.
MOST_POINTS = 50
MOST_TEXT = 6000

_STYLE = """
:host { color: var(--ad-text, #333); font: 13px Helvetica, Arial, sans-serif; overflow: auto !important; }
details { border-bottom: 1px solid var(--ad-line, #ddd); padding: 4px 0; }
summary { cursor: pointer; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary b { font-weight: 600; }
pre { margin: 4px 0; padding: 6px 8px; background: var(--ad-hover, #f5f5f5); font-size: 12px; overflow: auto; }
p { color: var(--ad-faint, #666); margin: 4px 0; }
"""


class FailureList(ReadingPart):
    """The points that failed, newest first; a click opens a traceback."""

    def __init__(self) -> None:
        self._run = ""
        self._key: object = None
        self.root = Div(
            text="", disable_math=True, sizing_mode="stretch_both", stylesheets=[InlineStyleSheet(css=_STYLE)]
        )

    def update(self, look: Look, patch: Patch) -> None:
        run = look.run.id if look.run is not None else ""
        if run != self._run:
            self._run, self._key = run, None
            patch.put(self.root, text="<p>Waiting for the learner …</p>" if run else "")

    def reading(self, run: Any) -> Reading | None:
        """Return how to read the failures, or None if no point has failed since the last time."""
        failures = sum(count.failures for count in run.history.workers.values())
        key = (run.status, run.learner.driver.troubles, failures)
        if run.id != self._run or key == self._key:
            return None
        self._key = key
        return Reading(self.read, self.prepare)

    def read(self, session: Any) -> tuple[int, list[Any]]:
        """Return the last failures. Called in the learner's thread."""
        failures = session.book.all
        return len(failures), failures[-MOST_POINTS:]

    def prepare(self, raw: tuple[int, list[Any]]) -> str:
        """Return the text for the page, with all texts of users escaped."""
        total, failures = raw
        if not failures:
            return "<p>No evaluation has failed.</p>"
        more = f"<p>The last {len(failures)} of {total:,} points.</p>" if total > len(failures) else ""
        return more + "".join(map(_describe, reversed(failures)))

    def show(self, text: str, wire: Wire) -> None:
        patch = Patch()
        patch.put(self.root, text=text)
        wire.send(patch.encode())


def _describe(failed: Any) -> str:
    lines = failed.traceback_text.strip().splitlines() or ["no traceback"]
    point, last = safe_repr(failed.point)[:200], lines[-1][:300]
    where = f" on {failed.worker}" if failed.worker else ""
    tries = f"{failed.status}, {failed.tries} {'try' if failed.tries == 1 else 'tries'}{where}"
    text = failed.traceback_text[-MOST_TEXT:]
    return (
        f'<details data-key="{html.escape(point)}"><summary>'
        f"<b>{html.escape(last)}</b> at {html.escape(point)}</summary>"
        f"<p>{html.escape(tries)}</p><pre>{html.escape(text)}</pre></details>"
    )
