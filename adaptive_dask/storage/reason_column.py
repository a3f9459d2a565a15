"""The column of a data frame with the reasons for points without a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.sequence_learner import SequenceLearner
from adaptive_dask.storage.failure_columns import empty
from adaptive_dask.storage.frame_layouts import Cells, Columns, Layout, Read, column_names, core_of
from adaptive_dask.storage.own_columns import REASON, free_name
from adaptive_dask.storage.text_cells import as_word, of_word


def with_reasons(learner: Any, columns: Columns, options: Mapping[str, Any]) -> Columns:
    """Add the column if the learner has points without a value; it is empty for other points.

    Reasons that a text file would change are in quotes.
    """
    reasons: Mapping[Any, str] = getattr(learner, "infeasible", {})
    if not reasons:
        return columns
    keys = [point[0] for point in columns.points] if isinstance(core_of(learner), SequenceLearner) else columns.points
    found = [reasons.get(key, "") for key in keys]
    cells = [(name, _without(each, found) if name in columns.parts else each) for name, each in columns.cells]
    name = _name(learner, options)
    return replace(columns, cells=[*cells, (name, list(map(as_word, found)))], reasons=name)


def _name(learner: Any, options: Mapping[str, Any]) -> str:
    return free_name(REASON, column_names(learner, options))


def _without(cells: list[Any], reasons: list[str]) -> list[Any]:
    """Return the cells of a part of results; missing ones are NaN if the others are real numbers."""
    (missing,) = empty([cell for cell, reason in zip(cells, reasons, strict=True) if not reason], 1)
    return [missing if reason else cell for cell, reason in zip(cells, reasons, strict=True)]


def read_with_reasons(layout: Layout, learner: Any, cells: Cells, options: dict[str, Any]) -> Read:
    """Return points and values, with an `Infeasible` for each point without a value.

    Parameters
    ----------
    layout : Layout
    learner : BaseLearner
    cells : Cells
    options : dict
    """
    name = _name(learner, options) if REASON in cells else REASON
    if name not in cells:
        return layout.read(learner, cells, options)
    reasons = [of_word(cell) for cell in cells[name]]
    has_none = [reason != "" for reason in reasons]
    if not any(has_none):
        return layout.read(learner, cells.where([True] * len(reasons), name), options)
    known = layout.read(learner, cells.where([not each for each in has_none], name), options)
    gone = layout.read_points(learner, cells.where(has_none, name), options)
    told = [Infeasible(reason) for reason, each in zip(reasons, has_none, strict=True) if each]
    if len(known[0]) + len(gone) < len(reasons):  # rows without a value are omitted
        return [*known[0], *gone], [*known[1], *told]
    pairs = iter(zip(*known, strict=True)), iter(zip(gone, told, strict=True))
    points, values = zip(*(next(pairs[each]) for each in has_none), strict=True)
    return list(points), list(values)
