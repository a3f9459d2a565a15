"""Header: the numbers of the selected run, and the heartbeat that tells the page that it is connected."""

from __future__ import annotations

import html
import time

from bokeh.document import Document
from bokeh.models import Column, CustomJS, InlineStyleSheet
from bokeh.models.widgets import Div, Toggle

from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.style import THEMES
from adaptive_dask.dashboard.view import Look, Part
from adaptive_dask.plain import safe_str
from adaptive_dask.run.status import RunStatus, duration, number, percent

_STYLE = """
:host { color: var(--ad-text, #333); font-family: Helvetica, Arial, sans-serif; width: 100%; }
.bk-clearfix { width: 100%; }
.title { display: flex; align-items: baseline; gap: 14px; margin: 2px 0 10px; flex-wrap: wrap; }
.title b { font-size: 20px; font-weight: 600; overflow-wrap: anywhere; }
.title span { color: var(--ad-faint, #666); font-size: 14px; }
.waits { margin: 0 0 10px; padding: 6px 12px; border-left: 3px solid #e68a00; background: var(--ad-hover, #f6f6f6);
  font-size: 13px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(112px, 1fr)); gap: 8px; }
.figures div { border-left: 3px solid var(--ad-line, #ddd); padding: 1px 8px; }
.figures .bad { border-color: #d9541e; }
.figures b { display: block; font-size: 20px; font-weight: 500; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.figures i { font-style: normal; font-size: 12px; color: var(--ad-faint, #666); }
.error { margin: 10px 0 0; padding: 8px 12px; border-left: 3px solid #d9541e; background: var(--ad-hover, #f6f6f6);
  font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 120px; overflow: auto; }
"""


class Header(Part):
    """The numbers of the selected run, and the messages between page and server.

    The tags of the Div carry data for the page's script: whether there are runs, the name of the selected run, and the
    time, which changes every second. The script reports the theme of the page through the switch.

    Parameters
    ----------
    doc : Document
    short : bool
        True for the name and status only, above a single plot.
    """

    def __init__(self, doc: Document, short: bool = False) -> None:
        self._short = short
        self._beat = 0.0
        self._text = ""
        style = InlineStyleSheet(css=_STYLE)
        self._figures = Div(text="", disable_math=True, sizing_mode="stretch_width", stylesheets=[style])
        self._figures.js_on_change("tags", CustomJS(code="window.adaptive?.beat(cb_obj.tags)"))
        dark = Toggle(name="dark", visible=False)
        dark.on_change("active", lambda _, __, active: setattr(doc, "theme", THEMES["dark" if active else "light"]))
        self.root = Column(children=[self._figures, dark], sizing_mode="stretch_width")

    def update(self, look: Look, patch: Patch) -> None:
        text = ""
        if look.run is not None:
            status = look.run.numbers()
            text = _name(status) if self._short else describe(status, look.run.error)
        if text != self._text:
            self._text = text
            patch.put(self._figures, text=text)
        if time.monotonic() >= self._beat + 1:
            self._beat = time.monotonic()
            patch.put(self._figures, tags=[bool(look.runs), look.wanted or "", self._beat])


def describe(status: RunStatus, error: BaseException | None) -> str:
    """Return the numbers of a run as HTML."""
    in_flight = f"{status.in_flight:,}"
    if status.in_flight:
        in_flight += f" ({percent(status.in_flight_share)})"
    figures = {
        "points": f"{status.npoints:,}",
        "loss": number(status.loss),
        "points per second": number(status.pace),
        "busy": percent(status.busy_share),
        "in flight (of points)": in_flight,
        "evaluators": f"{status.slots:,}",
        "failed": "0",
        **{kind: f"{count:,}" for kind, count in status.counts.items()},
        "learner, of a core": percent(status.learner_share),
        "time": duration(status.elapsed),
    }
    cells = "".join(
        f"<div{' class=bad' if kind in status.troubles else ''}><b>{html.escape(value)}</b><i>{kind}</i></div>"
        for kind, value in figures.items()
    )
    failure = f'<div class="error">{html.escape(safe_str(error)[:4000])}</div>' if error is not None else ""
    text = status.waiting_text
    waits = f'<div class="waits">{html.escape(text[0].upper() + text[1:])}.</div>' if text else ""
    return f'{_name(status)}{waits}<div class="figures">{cells}</div>{failure}'


def _name(status: RunStatus) -> str:
    name, learner, state = map(html.escape, (status.name, status.learner, status.status))
    return f'<div class="title"><b>{name}</b><span>{learner}</span><span>{state}</span></div>'
