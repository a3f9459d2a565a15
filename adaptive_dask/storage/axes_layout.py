"""The data frame of a learner over a `Space`: a column for each argument, in the coordinates of the user."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from adaptive_dask.learner.argument_names import Coordinates
from adaptive_dask.storage.frame_layouts import Cells, Columns, Layout, Read, layout_of, with_free_names
from adaptive_dask.storage.text_cells import are_same


class AxesLayout(Layout):
    """The columns of the wrapped learner, with the names of the space, and a column for each fixed argument."""

    def options(self, learner: Any) -> dict[str, Any]:
        options = layout_of(learner.learner).options(learner)
        names = {*learner.space.axes}
        for option in ("y_name", "z_name", "value_name"):
            if options.get(option) in names and option not in _inputs(learner):
                free = (f"value{i or ''}" for i in itertools.count())
                options[option] = next(name for name in free if name not in names)
        return with_free_names({**options, **_inputs(learner)}, [*names])

    def usual_options(self, learner: Any) -> dict[str, Any]:
        return {**self.options(learner), **layout_of(learner.learner).usual_options(learner)}

    def order(self, learner: Any, loading: bool) -> tuple[str, ...]:
        return layout_of(learner.learner).order(learner, loading)

    def output_option(self, learner: Any) -> str | None:
        return layout_of(learner.learner).output_option(learner.learner)

    def inputs(self, learner: Any, points: Sequence[Any], options: dict[str, Any]) -> list[tuple[str, list[Any]]]:
        fixed = [(name, [value] * len(points)) for name, value in learner.space.fixed.items()]
        return [*layout_of(learner.learner).inputs(learner, points, options), *fixed]

    def axes(self, learner: Any, options: dict[str, Any]) -> list[str]:
        return layout_of(learner.learner).axes(learner, options)

    def about_axes(self, learner: Any, options: dict[str, Any]) -> Coordinates:
        return layout_of(learner.learner).about_axes(learner, options)

    def columns(self, learner: Any, options: dict[str, Any]) -> Columns:
        columns = layout_of(learner.learner).columns(learner, options)
        fixed = [(name, [value] * len(columns.points)) for name, value in learner.space.fixed.items()]
        cells = [cell for cell in columns.cells if cell[0] in columns.inputs]
        rest = [cell for cell in columns.cells if cell[0] not in columns.inputs]
        return Columns([*cells, *fixed, *rest], columns.inputs, columns.output, columns.points)

    def read(self, learner: Any, cells: Cells, options: dict[str, Any]) -> Read:
        self._check(learner, cells)
        return layout_of(learner.learner).read(learner, cells, options)

    def read_points(self, learner: Any, cells: Cells, options: dict[str, Any]) -> list[Any]:
        self._check(learner, cells)
        return layout_of(learner.learner).read_points(learner, cells, options)

    def _check(self, learner: Any, cells: Cells) -> None:
        for name, value in learner.space.fixed.items():
            others = [cell for cell in cells[name] if not are_same(cell, value)] if name in cells else []
            if others:
                raise ValueError(f"The column {name!r} must have the value {value!r} of the space, got {others[0]!r}.")


def _inputs(learner: Any) -> dict[str, Any]:
    """Return the options for the names of the columns of coordinates, with the names of the space."""
    usual = layout_of(learner.learner).usual_options(learner)
    names = learner.space.names
    if "point_names" in usual:
        return {"point_names": tuple(names)}
    if "z_name" in usual:
        return {"x_name": names[0], "y_name": names[1]}
    return {"x_name": names[0]}


AXES = AxesLayout()
