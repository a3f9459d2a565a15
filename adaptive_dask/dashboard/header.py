"""Header: the selected run in figures, and the heartbeat by which the page knows that it is connected."""

from __future__ import annotations

import html
import math
import time

from bokeh.document import Document
from bokeh.models import Column, CustomJS, InlineStyleSheet
from bokeh.models.widgets import Div, Toggle

from adaptive_dask.dashboard.frame import Frame
from adaptive_dask.dashboard.numbers import RunNumbers, numbers_of
from adaptive_dask.dashboard.style import THEMES
from adaptive_dask.dashboard.view import Look
from adaptive_dask.plain import safe_str
from adaptive_dask.readable import waiting_text

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


class Header:
    """The selected run in figures, and what page and server have to tell each other.

    The figures' tags are for the script of the page: whether there are runs, the name of the one that was chosen,
    and the time, which changes every second. Through the switch the script says which theme the page has.

    Parameters
    ----------
    doc : Document
    short : bool
        Whether it is the name and status only, above a single plot.
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

    def update(self, look: Look, frame: Frame) -> None:
        text = ""
        if look.run is not None:
            numbers = numbers_of(look.run)
            text = _name(numbers) if self._short else _describe(numbers, look.run.error)
        if text != self._text:
            self._text = text
            frame.put(self._figures, text=text)
        if time.monotonic() >= self._beat + 1:
            self._beat = time.monotonic()
            frame.put(self._figures, tags=[bool(look.runs), look.wanted or "", self._beat])


def _describe(run: RunNumbers, error: BaseException | None) -> str:
    troubles = {"retries": run.retries, "timeouts": run.timeouts, "lost evaluations": run.lost}
    bad = {name for name, count in {"failed": run.failed, **troubles}.items() if count}
    figures = {
        "points": f"{run.points:,}",
        "loss": number(run.loss),
        "points per second": number(run.points_per_second),
        "busy": percent(run.busy),
        "in flight (of points)": f"{run.in_flight:,} ({percent(run.in_flight_share)})"
        if run.in_flight
        else f"{run.in_flight}",
        "evaluators": f"{run.slots:,}",
        "failed": f"{run.failed:,}",
        **{name: f"{count:,}" for name, count in troubles.items() if count},
        "learner, of a core": percent(run.learner_share),
        "time": duration(run.elapsed),
    }
    cells = "".join(
        f"<div{' class=bad' if name in bad else ''}><b>{html.escape(value)}</b><i>{name}</i></div>"
        for name, value in figures.items()
    )
    what = f'<div class="error">{html.escape(safe_str(error)[:4000])}</div>' if error is not None else ""
    waiting = waiting_text(run.waits_for or "")
    waits = f'<div class="waits">{html.escape(waiting[0].upper() + waiting[1:])}.</div>' if run.waits_for else ""
    return f'{_name(run)}{waits}<div class="figures">{cells}</div>{what}'


def _name(run: RunNumbers) -> str:
    name, learner, status = map(html.escape, (run.name, run.learner, run.status))
    return f'<div class="title"><b>{name}</b><span>{learner}</span><span>{status}</span></div>'


def number(value: float) -> str:
    """Three digits; a dash for what is not known."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share in percent, with two digits at least where it is small."""
    if math.isnan(share):
        return "–"
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """Seconds, in the two largest units."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h"
