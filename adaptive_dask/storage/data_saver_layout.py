"""The columns of a `DataSaver`: those of the wrapped learner, and the results of its function.

With ``learn=``, each part of the results has a column with its name, which replaces the column of values. The name gets
the prefix ``result.`` if it is that of another column, such as an argument, or begins with the prefix of other columns.
Results that lack a part have ``pandas.NA`` there. References to remote results are in the column ``extra_data``; with
``load_extra=True``, they are loaded. A `DataSaver` without ``learn=`` has all results in that column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np

from adaptive_dask.learner.argument_names import Coordinates
from adaptive_dask.learner.picked import Picked
from adaptive_dask.storage.frame_layouts import (
    OF_FUNCTION,
    Cells,
    Columns,
    Layout,
    Read,
    as_it_is,
    column_names,
    layout_of,
    not_available,
)
from adaptive_dask.storage.own_columns import EXTRA, RESULT, free_name, name_of_part
from adaptive_dask.storage.vector_text import as_value

Parts = dict[str, Any]

# The column of values of the wrapped learner, which is omitted.
_LEARNED = "\0learned"


class DataSaverLayout(Layout):
    """The layout of a `DataSaver`; see the module."""

    def options(self, learner: Any) -> dict[str, Any]:
        # python-adaptive requires the names of inputs, which are options of the wrapped learner here.
        name = free_name(EXTRA, column_names(learner.learner, {}))
        own = {"extra_data_name": name, "input_names": (), "load_extra": False}
        return {**self._inner_options(learner, layout_of(learner.learner).options(learner.learner)), **own}

    def usual_options(self, learner: Any) -> dict[str, Any]:
        usual = layout_of(learner.learner).usual_options(learner.learner)
        return {**self.options(learner), **self._inner_options(learner, usual)}

    def order(self, learner: Any, loading: bool) -> tuple[str, ...]:
        order = (*OF_FUNCTION, "extra_data_name")
        return (*order, "input_names") if loading else order

    def inputs(self, learner: Any, points: Sequence[Any], options: dict[str, Any]) -> list[tuple[str, list[Any]]]:
        return layout_of(learner.learner).inputs(learner.learner, points, self._with_output(learner, options))

    def output_option(self, learner: Any) -> str | None:
        return layout_of(learner.learner).output_option(learner.learner) if learner.learn is None else None

    def about_axes(self, learner: Any, options: dict[str, Any]) -> Coordinates:
        return layout_of(learner.learner).about_axes(learner.learner, self._with_output(learner, options))

    def axes(self, learner: Any, options: dict[str, Any]) -> list[str]:
        return layout_of(learner.learner).axes(learner.learner, self._with_output(learner, options))

    def columns(self, learner: Any, options: dict[str, Any]) -> Columns:
        inner = layout_of(learner.learner).columns(learner.learner, self._with_output(learner, options))
        extra = [learner.extra_for(point) for point in inner.points]
        if options["load_extra"]:
            extra = [each.load() if hasattr(each, "load") else each for each in extra]
        name = options["extra_data_name"]
        if learner.learn is None:
            return Columns([*inner.cells, (name, extra)], inner.inputs, inner.output, inner.points)
        values = next(cells for column, cells in inner.cells if column == inner.output)
        taken = {*(column for column, _ in inner.cells if column != inner.output), name}
        taken |= {column for column, _ in self.inputs(learner, [], options)}
        parts = _part_columns([_parts(learner, each, y) for each, y in zip(extra, values, strict=True)], learner, taken)
        cells: list[tuple[str, list[Any]]] = []
        for column in inner.cells:
            cells += parts if column[0] == inner.output else [column]
        if any(each is not None and not isinstance(each, dict) for each in extra):
            cells.append((name, [None if isinstance(each, dict) else each for each in extra]))
        output = [name_of_part(each, taken) for each in learner.arg_picker.names]
        is_one = isinstance(learner.learn, str)
        return Columns(cells, inner.inputs, output[0] if is_one else output, inner.points, [name for name, _ in parts])

    def read(self, learner: Any, cells: Cells, options: dict[str, Any]) -> Read:
        inner, name = layout_of(learner.learner), options["extra_data_name"]
        if learner.learn is None:
            points, values = inner.read(learner.learner, cells, options)
            return points, [Picked(*both) for both in zip(values, cells[name], strict=True)]
        taken = {column for column, _ in self.inputs(learner, [], options)} | {name}
        picked = _read_results(learner, cells, taken, name)
        return inner.read(learner.learner, _WithOutput(cells, picked), self._with_output(learner, options))

    def read_points(self, learner: Any, cells: Cells, options: dict[str, Any]) -> list[Any]:
        options = self._with_output(learner, options)
        return layout_of(learner.learner).read_points(learner.learner, cells, options)

    def function(self, learner: Any) -> Any:
        return layout_of(learner.learner).function(learner.learner)

    def set_function(self, learner: Any, function: Any) -> None:
        layout_of(learner.learner).set_function(learner.learner, function)

    def _inner_options(self, learner: Any, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of the wrapped learner; names of parts are not options."""
        if learner.learn is None:
            return options
        output = layout_of(learner.learner).output_option(learner.learner)
        return {name: value for name, value in options.items() if name != output}

    def _with_output(self, learner: Any, options: dict[str, Any]) -> dict[str, Any]:
        output = layout_of(learner.learner).output_option(learner.learner)
        return options if learner.learn is None or output is None else {**options, output: _LEARNED}


class _WithOutput(Cells):
    """The columns of a data frame with an additional column of the values to tell."""

    def __init__(self, cells: Cells, values: list[Any]) -> None:
        super().__init__(cells._df)
        self._cells = cells
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name == _LEARNED or name in self._cells

    def __getitem__(self, name: str) -> list[Any]:
        return self._values if name == _LEARNED or name not in self._cells else self._cells[name]

    def missing(self, name: str) -> list[bool]:
        if name == _LEARNED:
            na = not_available()
            return [value is na for value in self._values]
        return self._cells.missing(name)


def _parts(learner: Any, extra: Any, y: Any) -> Parts:
    """Return the parts of a result; for a remote result, those that are learned."""
    if isinstance(extra, dict):
        return extra
    if y is not_available() or (extra is None and np.isnan(y).all()):  # unknown, or without a value
        return {}
    names = learner.arg_picker.names
    return dict(zip(names, y.tolist(), strict=True)) if learner.arg_picker.is_vector else {names[0]: y}


def _part_columns(rows: Sequence[Parts], learner: Any, taken: Set[str]) -> list[tuple[str, list[Any]]]:
    kinds = dict.fromkeys(tuple(row) for row in rows)  # results mostly have the same names
    names = dict.fromkeys(name for kind in kinds for name in kind) or dict.fromkeys(learner.arg_picker.names)
    na = not_available()
    return [(name_of_part(name, taken), [row.get(name, na) for row in rows]) for name in names]


def _read_results(learner: Any, cells: Cells, taken: Set[str], extra_name: str) -> list[Any]:
    """Return the result to tell for each row, or ``pandas.NA``."""
    read_cell = as_value if cells.was_text else as_it_is
    columns = cells.parts(taken)
    wanted = {name_of_part(name, taken) for name in learner.arg_picker.names}
    for name in sorted(wanted - set(columns)):
        cells[name]  # raises an error that lists the columns
    names = [column.removeprefix(RESULT) for column in columns]
    na = not_available()
    extra: Iterable[Any] = cells[extra_name] if extra_name in cells else [None] * len(cells[columns[0]])
    found: list[Any] = []
    for row, reference in zip(zip(*(cells[column] for column in columns), strict=True), extra, strict=True):
        parts = {name: read_cell(cell) for name, cell in zip(names, row, strict=True) if cell is not na}
        if not parts.keys() & set(learner.arg_picker.names):
            found.append(na)
            continue
        is_elsewhere = reference is not None and reference is not na and reference == reference
        found.append(Picked(learner.arg_picker(parts), reference if is_elsewhere else parts))
    return found


DATA_SAVER = DataSaverLayout()
