"""The table of all runs; a click selects one."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, CustomJS
from bokeh.models.widgets.tables import (
    CellFormatter,
    DataTable,
    HTMLTemplateFormatter,
    NumberFormatter,
    StringFormatter,
    TableColumn,
)

from adaptive_dask.dashboard.frame import Frame
from adaptive_dask.dashboard.numbers import RunNumbers, numbers_of
from adaptive_dask.dashboard.style import table_style
from adaptive_dask.dashboard.view import Look

# `<%- %>` escapes what it shows, `<%= %>` does not: the latter is for numbers that are computed right there.
_TEXT = '<span title="<%- value %>"><%- value %></span>'
_STATUS = '<span class="status <%- value %>"><%- value %></span>'
_TIME = """<%= value < 60 ? Math.floor(value) + " s"
  : value < 3600 ? Math.floor(value / 60) + " min " + Math.floor(value % 60) + " s"
  : value < 172800 ? Math.floor(value / 3600) + " h " + Math.floor(value % 3600 / 60) + " min"
  : Math.floor(value / 86400) + " d " + Math.floor(value % 86400 / 3600) + " h" %>"""
_SHORT = """<%= value == null || Number.isNaN(+value) ? "–" : +value >= 1e300 ? "∞"
  : value != 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7) ? (+value).toExponential(2)
  : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en")
  : +(+value).toPrecision(3) %>"""
_INFINITE = 1e300
_PERCENT = """<%= value == null || Number.isNaN(+value) ? "–" : value > 0 && value < 0.001 ? "< 0.1 %"
  : +(100 * value).toPrecision(2) + " %" %>"""


_SHOW_SELECTED = """
setTimeout(() => {
  const view = Bokeh.index.find_one_by_id?.(table.id);
  const row = view?.data?.index.indexOf(cb_obj.indices[0]) ?? -1;
  if (row >= 0) view.grid.scrollRowIntoView(row);
}, 300);
"""


def _right(template: str) -> CellFormatter:
    return HTMLTemplateFormatter(template=f'<div style="text-align: right">{template}</div>')


def _columns() -> list[TableColumn]:
    count = NumberFormatter(format="0,0", text_align="right")
    columns = [
        ("name", "run", 265, HTMLTemplateFormatter(template=_TEXT)),
        ("learner", "learner", 150, StringFormatter()),
        ("status", "status", 90, HTMLTemplateFormatter(template=_STATUS)),
        ("points", "points", 80, count),
        ("loss", "loss", 80, _right(_SHORT)),
        ("points_per_second", "points / s", 80, _right(_SHORT)),
        ("busy", "busy", 60, _right(_PERCENT)),
        ("in_flight", "in flight, k", 80, count),
        ("in_flight_share", "k / points", 75, _right(_PERCENT)),
        ("failed", "failed", 60, count),
        ("elapsed", "time", 100, _right(_TIME)),
        ("age", "began, ago", 100, _right(_TIME)),
    ]
    return [TableColumn(field=f, title=t, width=w, formatter=formatter) for f, t, w, formatter in columns]


class RunTable:
    """The table of all runs, the newest first until it is sorted otherwise."""

    def __init__(self) -> None:
        columns = _columns()
        self._fields = [str(column.field) for column in columns]
        self._source = ColumnDataSource({field: [] for field in [*self._fields, "id"]})
        self._select: Any = None
        self._shown = ""
        self._names: list[str] = []
        self._source.selected.on_change("indices", self._clicked)
        self.root = DataTable(
            source=self._source,
            columns=columns,
            index_position=None,
            sizing_mode="stretch_both",
            row_height=28,
            header_row=True,
            reorderable=False,
            stylesheets=[table_style()],
            autosize_mode="none",
            scroll_to_selection=False,  # it would at every update
        )
        # Bokeh 3.9 does not draw a table anew when its values change but not their number.
        redraw = CustomJS(args={"view": self.root.view}, code="view.change.emit()")
        self._source.js_on_change("data", redraw)
        # Once, when another is selected: from then on the reader decides.
        show = CustomJS(args={"table": self.root}, code=_SHOW_SELECTED)
        self._source.selected.js_on_change("indices", show)

    def update(self, look: Look, frame: Frame) -> None:
        self._select = look.select
        rows = [numbers_of(run) for run in look.runs]
        data: dict[str, list[Any]] = {field: [_shown(row, field) for row in rows] for field in [*self._fields, "id"]}
        selected = [look.runs.index(look.run)] if look.run is not None else []
        if repr(data) != self._shown:
            self._shown = repr(data)  # in which NaN equals NaN
            self._names = data["name"]
            frame.fill(self._source, data)
        if selected != self._source.selected.indices:
            self._source.selected.indices = selected

    def _clicked(self, _: str, __: Any, indices: list[int]) -> None:
        if self._select is not None and len(indices) == 1 and indices[0] < len(self._names):
            self._select(self._names[indices[0]])


def _shown(row: RunNumbers, field: str) -> Any:
    value = getattr(row, field)
    if not isinstance(value, float):
        return value
    if field in ("age", "elapsed"):
        return int(value)
    # Three digits are shown; infinity does not travel.
    return float(f"{min(value, _INFINITE):.3g}") if value == value else value
