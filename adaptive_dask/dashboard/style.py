"""Colours, figures and themes of all pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bokeh.models import CustomJSTickFormatter, DataRange1d, FixedTicker, InlineStyleSheet, NumeralTickFormatter
from bokeh.models.annotations import Title
from bokeh.plotting import figure
from bokeh.themes import Theme

from adaptive_dask.dashboard.patch import Patch

# Legible on white and on black, and distinguishable for colour-blind people (after Okabe and Ito).
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#3D8FD1", "#E68A00", "#1FA187", "#D9541E", "#B56BA8", "#8C8C8C"
SERIES = (BLUE, GREEN, PURPLE, RED)

# Tools of figures that do not follow their data.
TOOLS = "pan,box_zoom,wheel_zoom,reset"


def _theme(text: str, faint: str, line: str, surface: str) -> Theme:
    font = "Helvetica, Arial, sans-serif"
    labels = {"text_color": text, "text_font": font}
    axis: dict[str, Any] = {
        "axis_label_text_color": text,
        "axis_label_text_font": font,
        "axis_label_text_font_style": "normal",
        "axis_label_text_font_size": "13px",
        "axis_label_standoff": 8,
        "major_label_text_color": faint,
        "major_label_text_font": font,
        "major_label_text_font_size": "12px",
        "axis_line_color": line,
        "major_tick_line_color": line,
        "minor_tick_line_color": None,
        "major_tick_in": 0,
        "major_tick_out": 4,
    }
    legend = {
        "label_text_color": text,
        "label_text_font": font,
        "label_text_font_size": "12px",
        "background_fill_color": surface,
        "background_fill_alpha": 0.8,
        "border_line_color": None,
        "padding": 4,
        "spacing": 2,
        "margin": 6,
    }
    bar = {
        "background_fill_color": None,
        "major_label_text_color": faint,
        "major_label_text_font_size": "12px",
        "title_text_color": text,
        "title_text_font_size": "13px",
        "title_text_font_style": "normal",
        "bar_line_color": None,
        "major_tick_line_color": line,
    }
    return Theme(
        json={
            "attrs": {
                "Plot": {
                    "background_fill_color": None,
                    "border_fill_color": None,
                    "outline_line_color": None,
                    "min_border_left": 8,
                    "min_border_right": 12,
                },
                "Axis": axis,
                "Grid": {"grid_line_color": line, "grid_line_alpha": 0.5},
                "Legend": legend,
                "BaseColorBar": bar,
                "Title": {"text_color": faint, "text_font": font},
                "Label": labels,
                "Toolbar": {"logo": None, "autohide": True},
            }
        }
    )


THEMES = {
    "light": _theme(text="#333333", faint="#5c5c5c", line="#cfcfcf", surface="#ffffff"),
    "dark": _theme(text="#e4e4e4", faint="#a8a8a8", line="#4d4d4d", surface="#242424"),
}


def table_style() -> InlineStyleSheet:
    """Return CSS rules for tables, which follow the theme of the page (light by default)."""
    return InlineStyleSheet(
        css="""
:host { --text: var(--ad-text, #333); --line: var(--ad-line, #ddd); --surface: var(--ad-surface, #fff); z-index: 0; }
.slick-viewport, .slick-header, .slick-pane, .bk-data-table, .slickgrid-container {
  background: var(--surface) !important; color: var(--text); border-color: var(--line) !important; outline: none; }
.slick-header-columns, .slick-header-column.ui-state-default, .slick-header-column {
  background: var(--surface) !important; color: var(--ad-faint, #666) !important; font-weight: normal !important;
  border-right: none !important; border-bottom: 1px solid var(--line) !important; font-size: 12px; }
/* Beyond name, learner and status there are numbers. */
.slick-header-column:nth-child(n + 4) { text-align: right !important; }
.slick-header-column:nth-child(n + 4) .slick-column-name { float: right; }
.slick-cell { border-color: transparent !important; border-bottom: 1px solid var(--line) !important; color: var(--text);
  font-size: 13px; font-variant-numeric: tabular-nums; background: transparent; line-height: 20px; }
.slick-row { background: var(--surface) !important; cursor: pointer; }
.slick-row:hover .slick-cell { background: var(--ad-hover, #f3f3f3) !important; }
.slick-cell.selected, .slick-row:hover .slick-cell.selected { background: var(--ad-selected, #fbe6cf) !important; }
.slick-cell.active { outline: none; border-top-color: transparent !important; }
.status::before { content: "●"; margin-right: 6px; color: #8c8c8c; }
.status.running::before { color: #1fa187; }
.status.draining::before { color: #7a5fb5; }
.status.paused::before { color: #e68a00; }
.status.failed::before { color: #d9541e; }
"""
    )


def select_style() -> InlineStyleSheet:
    """Return CSS rules for select boxes."""
    return InlineStyleSheet(
        css=""":host { color: var(--ad-faint, #666); font-size: 12px; }
.bk-input { background-color: var(--ad-surface, #fff); color: var(--ad-text, #333);
  border-color: var(--ad-line, #ddd); }
"""
    )


def new_figure(*, tools: str = "", from_zero: bool = False, count_axis: bool = False, **options: Any) -> Any:
    """Return an empty figure that fills the available space.

    Parameters
    ----------
    tools : str
        Tools of Bokeh. None by default, because most figures follow their data.
    from_zero : bool
        True if the y axis begins at zero.
    count_axis : bool
        True if the y axis shows integers.
    **options
        Options of `bokeh.plotting.figure`.
    """
    options = {"sizing_mode": "stretch_both", "toolbar_location": "above" if tools else None, **options}
    if from_zero:
        options["y_range"] = DataRange1d(start=0)
    made = figure(tools=tools, **options)
    made.xgrid.visible = False
    if count_axis:
        made.yaxis.formatter = NumeralTickFormatter(format="0,0")
    return made


class LogTicks:
    """Ticks of a logarithmic axis that suit its range, even if it is short."""

    def __init__(self, axis: Any, formatter: CustomJSTickFormatter | None = None) -> None:
        self._ticks: list[float] = []
        self._ticker = FixedTicker(ticks=[])
        axis.ticker = self._ticker
        axis.formatter = formatter or CustomJSTickFormatter(code=_POWERS)

    def fit(self, patch: Patch, values: Sequence[float]) -> None:
        """Choose ticks for the given values."""
        if not len(values):
            return
        low, high = math.log10(min(values)), math.log10(max(values))
        mantissas = (1, 2, 5) if high - low < 1.5 else (1,)
        step = max(1, round((high - low) / 6))
        exponents = range(math.floor(low / step) * step, math.ceil(high) + step, step)
        ticks = [mantissa * 10.0**exponent for exponent in exponents for mantissa in mantissas]
        if sum(min(values) <= tick <= max(values) for tick in ticks) < 2:
            ticks = _even_steps(min(values), max(values))
        if ticks != self._ticks:
            self._ticks = ticks
            patch.put(self._ticker, ticks=ticks)


def _even_steps(low: float, high: float) -> list[float]:
    """Return ticks for a range too short for powers of ten: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


_POWERS = """
const exponent = Math.floor(Math.log10(tick) + 1e-9);
const mantissa = +(tick / 10 ** exponent).toPrecision(4);
if (exponent >= -3 && exponent <= 4) return (+tick.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 9 });
const digits = String(Math.abs(exponent)).replace(/./g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
return `${mantissa === 1 ? "" : mantissa + "·"}10${exponent < 0 ? "⁻" : ""}${digits}`;
"""


def new_note(plot: Any) -> Title:
    """Return an empty line of text above a figure, for remarks."""
    note = Title(text="", text_font_size="12px", text_font_style="normal", align="left")
    plot.add_layout(note, "above")
    return note


def time_unit(seconds: float) -> tuple[str, float]:
    """Return a unit that suits a span of time, and its length in seconds."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds > 4 * size:
            return unit, size
    return "s", 1.0
