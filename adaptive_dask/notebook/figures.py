"""The figures of live info, as HTML. Whatever comes from a run is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from adaptive_dask.course import ENDED, Course, Moment, Outlook
from adaptive_dask.plain import safe_str
from adaptive_dask.readable import duration, goal_text, number, percent, time_left, waiting_text

# Told apart also by those who see red and green alike, and by the word beside it.
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

# Of evaluations; what did not happen is not shown.
TROUBLES = ("failed", "retries", "timeouts", "lost")

STYLE = """<style>
.adaptive-info { font: 13px/1.5 var(--jp-ui-font-family, sans-serif); color: var(--jp-ui-font-color1, #222);
  max-width: 780px; }
.adaptive-info .head { display: flex; gap: 10px; align-items: baseline; flex-wrap: wrap; }
.adaptive-info .head b { overflow-wrap: anywhere; }
.adaptive-info .status { color: #fff; border-radius: 3px; padding: 0 7px; }
.adaptive-info .figures { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 6px 0; }
.adaptive-info .figures div { min-width: 76px; }
.adaptive-info .figures i { display: block; font-style: normal; font-size: 11px;
  color: var(--jp-ui-font-color2, #666); }
.adaptive-info .figures b { font-weight: 500; font-variant-numeric: tabular-nums; white-space: nowrap; }
.adaptive-info .bar { height: 8px; border-radius: 4px; background: var(--jp-layout-color3, #ddd); overflow: hidden; }
.adaptive-info .bar div { height: 100%; background: #0072b2; }
.adaptive-info .left { font-size: 12px; color: var(--jp-ui-font-color2, #666); }
.adaptive-info svg { vertical-align: middle; margin-left: 6px; }
.adaptive-info pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px; line-height: 1.35;
  margin: 2px 0 8px; padding: 4px 8px; border-left: 3px solid var(--jp-layout-color3, #ddd); }
.adaptive-info .error pre { border-color: #c24a00; max-height: 12em; overflow: auto; }
</style>"""


def describe(
    name: str,
    status: str,
    summary: Mapping[str, Any],
    course: Course,
    now: float,
    link: str | None = None,
    error: BaseException | None = None,
) -> str:
    """All figures of a run.

    Parameters
    ----------
    name, status : str
    summary : mapping
        As `Run.summary`; it may be empty still.
    course : Course
    now : float
        In seconds since the epoch.
    link : str, optional
        To the run on the dashboard.
    error : Exception, optional
        Of a run that failed.

    Returns
    -------
    str
    """
    color = COLORS.get(status, COLORS["running"])
    head = f'<b>{html.escape(name)}</b><span class="status" style="background: {color}">{html.escape(status)}</span>'
    if summary:
        head += f"<span>{html.escape(summary['learner'])}</span>"
    if link is not None and link.startswith(("http://", "https://")):
        head += f'<a href="{html.escape(link)}" target="_blank" rel="noopener">dashboard</a>'
    parts = [f'<div class="head">{head}</div>']
    if summary:
        parts.append(f'<div class="figures">{"".join(_cells(summary, course, now))}</div>')
        if not (summary["ended"] or status in ENDED):
            parts.append(_progress(summary, course.outlook(summary, now), now))
    if summary.get("waits_for") and not summary["ended"]:
        parts.append(f'<div class="left">{html.escape(waiting_text(summary["waits_for"]))}</div>')
    if error is not None:
        parts.append(f'<div class="error"><pre>{html.escape(safe_str(error)[:4000])}</pre></div>')
    return f'{STYLE}<div class="adaptive-info">{"".join(parts)}</div>'


def _cells(summary: Mapping[str, Any], course: Course, now: float) -> list[str]:
    busy = f"{summary.get('busy', 0):,} of {summary['slots']:,}"
    cells = {
        "elapsed": duration((summary["ended"] or now) - summary["started"]),
        "points": f"{summary['npoints']:,}",
        "points per second": number(course.pace(summary)),
        "loss": number(summary["loss"]) + sparkline(course.moments),
        "slots busy": busy if not summary["ended"] else None,
        "workers": f"{summary['workers']:,}" if "workers" in summary and not summary["ended"] else None,
        "in flight": f"{summary['in_flight']:,}" if not summary["ended"] else None,
        "overhead": percent(overhead(summary)),
        **{kind: f"{summary[kind]:,}" if summary.get(kind) else None for kind in TROUBLES},
    }
    return [f"<div><i>{label}</i><b>{value}</b></div>" for label, value in cells.items() if value is not None]


def _progress(summary: Mapping[str, Any], outlook: Outlook, now: float) -> str:
    aim = goal_text(summary)
    if not aim:
        return ""
    left = time_left(summary, outlook)
    left = f", {left}" if left else ""
    if math.isnan(outlook.share):
        return f'<div class="left">goal: {aim}</div>'
    width = f"{100 * outlook.share:.1f}"
    return (
        f'<div class="bar" role="progressbar" aria-valuenow="{width}" aria-valuemin="0" aria-valuemax="100">'
        f'<div style="width: {width}%"></div></div>'
        f'<div class="left">{percent(outlook.share)} of the way to {aim}{left}</div>'
    )


def overhead(summary: Mapping[str, Any]) -> float:
    """The share of the evaluators' time that was not spent in the function; NaN as long as it is not known."""
    if not summary["slot_seconds"] or not summary["function_seconds"]:
        return math.nan
    return max(0.0, 1 - float(summary["function_seconds"] / summary["slot_seconds"]))


def sparkline(moments: Sequence[Moment], width: int = 90, height: int = 18) -> str:
    """The loss over time as a small picture, on a logarithmic scale; empty if there is nothing to be drawn."""
    drawn = [(moment.seconds, math.log(moment.loss)) for moment in moments if 0 < moment.loss < math.inf]
    if len(drawn) < 2:
        return ""
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
