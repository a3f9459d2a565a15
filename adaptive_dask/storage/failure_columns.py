"""Failed points in data frames: a row for each, with columns about the failure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adaptive_dask.run.failures import FailedPoint
from adaptive_dask.storage.frame_layouts import Columns, Layout, not_available

STATUS, TRIES, ERROR, WORKER = "failure.status", "failure.tries", "failure.error", "failure.worker"

# The status of a point without a failure.
KNOWN = "known"
# The statuses of points that the learner was told.
_TOLD = (KNOWN, "replaced")


def checked_failures(failures: Any) -> list[FailedPoint]:
    """Check failed points, and return them as a list.

    Raises
    ------
    TypeError
        If `failures` does not consist of failed points.
    """
    if isinstance(failures, Iterable) and not isinstance(failures, str):
        found = list(failures)
        if all(isinstance(each, FailedPoint) for each in found):
            return found
    raise TypeError(f"failures must be the failed points of a run, runner.failures, got {failures!r}.")


def of_child(failures: Sequence[FailedPoint], index: int) -> list[FailedPoint]:
    """Return the failed points of one child of a `BalancingLearner`."""
    return [replace(failed, point=failed.point[1]) for failed in failures if failed.point[0] == index]


def with_failures(
    layout: Layout, learner: Any, columns: Columns, options: dict[str, Any], failures: Sequence[FailedPoint]
) -> Columns:
    """Add the columns about failures, and a row for each failed point that the learner was not told."""
    rows = {_key(point): row for row, point in enumerate(columns.points)}
    known: dict[int, FailedPoint] = {}
    new: list[FailedPoint] = []
    for failed in failures:
        row = rows.get(_key(failed.point))
        if row is None:
            new.append(failed)
        else:
            known[row] = failed
    points = [failed.point for failed in new]
    inputs = dict(layout.inputs(learner, points, options))
    cells = [(name, [*old, *(inputs[name] if name in inputs else empty(old, len(new)))]) for name, old in columns.cells]
    records: list[FailedPoint | None] = [*(known.get(row) for row in range(len(columns.points))), *new]
    about: dict[str, list[Any]] = {
        # A known point was told by a user after its failure, or its value was replaced.
        STATUS: [
            each.status if each and (k >= len(columns.points) or each.status in _TOLD) else KNOWN
            for k, each in enumerate(records)
        ],
        TRIES: [each.tries if each else 0 for each in records],
        ERROR: [_last_line(each.traceback_text) if each else "" for each in records],
        WORKER: [(each.worker or "") if each else "" for each in records],
    }
    return replace(columns, cells=[*cells, *about.items()], points=[*columns.points, *points])


def without_failures(df: Any) -> Any:
    """Return the rows of a data frame without failed points."""
    if STATUS not in df.columns:
        return df
    attrs = df.attrs
    df = df[df[STATUS].isin(_TOLD)]
    df.attrs = attrs
    return df


def _key(point: Any) -> Any:
    try:
        hash(point)
    except TypeError:
        # an element of a sequence is identified by its index
        return point[0] if isinstance(point, tuple) else repr(point)
    return point


def empty(cells: Sequence[Any], n: int) -> list[Any]:
    """Return empty cells: NaN if this keeps a numeric type of the column."""
    kinds = set(map(type, cells))
    is_real = len(kinds) == 1 and issubclass(next(iter(kinds)), float | np.floating)
    return [kinds.pop()("nan") if is_real else not_available()] * n


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
