"""The numbers of `live_info` as HTML. All texts of a run are escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from adaptive_dask.plain import safe_str
from adaptive_dask.run.progress import Moment, ProgressHistory
from adaptive_dask.run.status import RunStatus, duration, number, percent

# Distinguishable for colour-blind people; the state is shown as text as well.
COLORS = {
    "running": "#0072b2",
    "waiting": "#56707f",
    "draining": "#6a51a3",
    "reconnecting": "#b37400",
    "paused": "#b37400",
    "finished": "#00795a",
    "cancelled": "#666666",
    "failed": "#c24a00",
}

STYLE = """<style>
.adaptive-info { font: 13px/1.5 var(--jp-ui-font-family, sans-serif); color: var(--jp-ui-font-color1, #222);
  max-width: 780px; }
.adaptive-info .head { display: flex; gap: 10px; align-items: baseline; flex-wrap: wrap; }
.adaptive-info .head b { overflow-wrap: anywhere; }
.adaptive-info .status { color: #fff; border-radius: 3px; padding: 0 7px; }
.adaptive-info .figures { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 6px 0; }
.adaptive-info .figures div { min-width: 76px; }
.adaptive-info .figures i { display: block; font-style: normal; font-size: 11px;
  color: var(--jp-ui-font-color2, #595959); }
.adaptive-info .figures b { font-weight: 500; font-variant-numeric: tabular-nums; white-space: nowrap; }
.adaptive-info .bar { height: 8px; border-radius: 4px; background: var(--jp-layout-color3, #ddd); overflow: hidden; }
.adaptive-info .bar div { height: 100%; background: #0072b2; }
.adaptive-info .left { font-size: 12px; color: var(--jp-ui-font-color2, #595959); }
.adaptive-info svg { vertical-align: middle; margin-left: 6px; }
.adaptive-info pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px; line-height: 1.35;
  margin: 2px 0 8px; padding: 4px 8px; border-left: 3px solid var(--jp-layout-color3, #ddd); }
.adaptive-info .error pre { border-color: #c24a00; max-height: 12em; overflow: auto; }
</style>"""


def describe(
    name: str,
    state: str,
    status: RunStatus | None,
    history: ProgressHistory,
    link: str | None = None,
    error: BaseException | None = None,
) -> str:
    """Return the numbers of a run as HTML.

    Parameters
    ----------
    name, state : str
    status : RunStatus or None
        None while the run starts.
    history : ProgressHistory
    link : str, optional
        Address of the run's page on the dashboard.
    error : Exception, optional
        The error of a run that failed.

    Returns
    -------
    str
    """
    color = COLORS.get(state, COLORS["running"])
    head = f'<b>{html.escape(name)}</b><span class="status" style="background: {color}">{html.escape(state)}</span>'
    if status is not None:
        head += f"<span>{html.escape(status.learner)}</span>"
    if link is not None and link.startswith(("http://", "https://")):
        head += f'<a href="{html.escape(link)}" target="_blank" rel="noopener">dashboard</a>'
    parts = [f'<div class="head">{head}</div>']
    if status is not None:
        parts.append(f'<div class="figures">{"".join(_cells(status, history))}</div>')
        if not status.has_ended:
            parts.append(_progress(status, history))
        if status.waiting_text:
            parts.append(f'<div class="left">{html.escape(status.waiting_text)}</div>')
    if error is not None:
        parts.append(f'<div class="error"><pre>{html.escape(safe_str(error)[:4000])}</pre></div>')
    return f'{STYLE}<div class="adaptive-info">{"".join(parts)}</div>'


def _cells(status: RunStatus, history: ProgressHistory) -> list[str]:
    cells = {
        "elapsed": duration(status.elapsed),
        "points": f"{status.npoints:,}",
        "points per second": number(history.pace(status)),
        "loss": number(status.loss) + sparkline(history.moments),
    }
    if not status.has_ended:
        cells["slots busy"] = f"{status.busy:,} of {status.slots:,}"
        if status.workers is not None:
            cells["workers"] = f"{status.workers:,}"
        cells["in flight"] = f"{status.in_flight:,}"
    cells["overhead"] = percent(status.overhead)
    cells |= {kind: f"{count:,}" for kind, count in status.counts.items()}
    return [f"<div><i>{label}</i><b>{value}</b></div>" for label, value in cells.items()]


def _progress(status: RunStatus, history: ProgressHistory) -> str:
    goal, share, left = status.goal_text, history.outlook(status).share, history.time_left(status)
    if not goal:
        return ""
    if math.isnan(share):
        return f'<div class="left">goal: {goal}</div>'
    width = f"{100 * share:.1f}"
    return (
        f'<div class="bar" role="progressbar" aria-valuenow="{width}" aria-valuemin="0" aria-valuemax="100">'
        f'<div style="width: {width}%"></div></div>'
        f'<div class="left">{percent(share)} of the way to {goal}{f", {left}" if left else ""}</div>'
    )


def sparkline(moments: Sequence[Moment]) -> str:
    """Return the loss over time as a small SVG picture on a logarithmic scale; empty if there is nothing to draw."""
    drawn = [(moment.seconds, math.log(moment.loss)) for moment in moments if 0 < moment.loss < math.inf]
    if len(drawn) < 2:
        return ""
    width, height = 90, 18
    (first, _), (last, _) = drawn[0], drawn[-1]
    low, high = min(y for _, y in drawn), max(y for _, y in drawn)
    if last <= first or high <= low:
        return ""
    at = [
        f"{(x - first) / (last - first) * (width - 2) + 1:.1f},{(high - y) / (high - low) * (height - 2) + 1:.1f}"
        for x, y in drawn
    ]
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="loss over time">'
        f'<polyline fill="none" stroke="#0072b2" stroke-width="1.5" points="{" ".join(at)}"/></svg>'
    )
