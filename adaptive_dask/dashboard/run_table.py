"""The table of all runs; a click selects one."""

from __future__ import annotations

import math
from collections.abc import Callable
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

from adaptive_dask.dashboard.numbers import as_row
from adaptive_dask.dashboard.patch import Patch
from adaptive_dask.dashboard.style import table_style
from adaptive_dask.dashboard.view import Look, Part
from adaptive_dask.run.status import duration, number, percent

# `<%- %>` escapes the value. Numeric columns are sorted by number and show the text of another column.
_TEXT = '<span title="<%- value %>"><%- value %></span>'
_STATUS = '<span class="status <%- value %>"><%- value %></span>'

# Stands for infinity, which JSON does not have, when the table is sorted.
_INFINITE = 1e300

_AS_TEXT: dict[str, Callable[[float], str]] = {
    "loss": number,
    "points_per_second": number,
    "busy": percent,
    "in_flight_share": percent,
    "elapsed": duration,
    "age": duration,
}

_SHOW_SELECTED = """
setTimeout(() => {
  const view = Bokeh.index.find_one_by_id?.(table.id);
  const row = view?.data?.index.indexOf(cb_obj.indices[0]) ?? -1;
  if (row >= 0) view.grid.scrollRowIntoView(row);
}, 300);
"""


def _right(field: str) -> CellFormatter:
    return HTMLTemplateFormatter(template=f'<div style="text-align: right"><%- {field}_text %></div>')


def _columns() -> list[TableColumn]:
    count = NumberFormatter(format="0,0", text_align="right")
    columns = [
        ("name", "run", 265, HTMLTemplateFormatter(template=_TEXT)),
        ("learner", "learner", 150, StringFormatter()),
        ("status", "status", 90, HTMLTemplateFormatter(template=_STATUS)),
        ("points", "points", 80, count),
        ("loss", "loss", 80, _right("loss")),
        ("points_per_second", "points / s", 80, _right("points_per_second")),
        ("busy", "busy", 60, _right("busy")),
        ("in_flight", "in flight, k", 80, count),
        ("in_flight_share", "k / points", 75, _right("in_flight_share")),
        ("failed", "failed", 60, count),
        ("elapsed", "time", 100, _right("elapsed")),
        ("age", "began, ago", 100, _right("age")),
    ]
    return [TableColumn(field=f, title=t, width=w, formatter=formatter) for f, t, w, formatter in columns]


class RunTable(Part):
    """The table of all runs, newest first until the user sorts it otherwise."""

    def __init__(self) -> None:
        columns = _columns()
        self._fields = ["id", *(str(column.field) for column in columns)]
        self._source = ColumnDataSource(self._columns([]))
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
            scroll_to_selection=False,  # else it would scroll at every update
        )
        # Bokeh 3.9 does not redraw a table if its values change but the number of rows does not.
        redraw = CustomJS(args={"view": self.root.view}, code="view.change.emit()")
        self._source.js_on_change("data", redraw)
        # Only when another run is selected; afterwards the user decides.
        show = CustomJS(args={"table": self.root}, code=_SHOW_SELECTED)
        self._source.selected.js_on_change("indices", show)

    def update(self, look: Look, patch: Patch) -> None:
        self._select = look.select
        data = self._columns([as_row(run.numbers()) for run in look.runs])
        selected = [look.runs.index(look.run)] if look.run is not None else []
        if repr(data) != self._shown:
            self._shown = repr(data)  # treats NaN as equal to NaN
            self._names = data["name"]
            patch.fill(self._source, data)
        if selected != self._source.selected.indices:
            self._source.selected.indices = selected

    def _columns(self, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
        columns = {field: [_sortable(field, row[field]) for row in rows] for field in self._fields}
        texts = {f"{field}_text": [as_text(row[field]) for row in rows] for field, as_text in _AS_TEXT.items()}
        return columns | texts

    def _clicked(self, _: str, __: Any, indices: list[int]) -> None:
        if self._select is not None and len(indices) == 1 and indices[0] < len(self._names):
            self._select(self._names[indices[0]])


def _sortable(field: str, value: Any) -> Any:
    """Return the number to sort by, rounded so that the table does not change with every update."""
    if not isinstance(value, float) or math.isnan(value):
        return value
    return round(value) if field in ("age", "elapsed") else float(f"{min(value, _INFINITE):.3g}")
