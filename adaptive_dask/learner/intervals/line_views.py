"""Read-only mappings over the arrays of a `PointsOnLine`: data, neighbours, losses."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.intervals.points_on_line import PENDING, PointsOnLine
from adaptive_dask.learner.told_data import DataView

Value = float | NDArray[np.float64]
Interval = tuple[float, float]


class PointData(DataView[float, Value]):
    """The evaluated points and their values, in the order in which they were told.

    Behaves like a dict ``{x: y}``. An iteration visits the points that existed when it began, even while another
    thread adds more.

    Parameters
    ----------
    line : PointsOnLine
    shape : callable, () → tuple of int
        The shape of each value, ``()`` for numbers.
    """

    def __init__(self, line: PointsOnLine, shape: Callable[[], tuple[int, ...]]) -> None:
        super().__init__()
        self._line = line
        self._shape = shape

    def arrays(self, start: int = 0, stop: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return copies of the points, shape (n,), and their values, shape (n, vdim), or of a slice of these."""
        line = self._line
        # Read the length first, because arrays that are read later have at least this number of points.
        n = line.n_told
        if n == 0 or line.y is None:
            return np.empty(0), np.empty((0, 1))
        slots = line.told[:n][start:stop]
        return line.x[slots], line.y[slots]

    def __len__(self) -> int:
        return self._line.n_told

    def __contains__(self, x: object) -> bool:
        return self._slot(cast(float, x)) is not None

    def _slot(self, x: float) -> int | None:
        line = self._line
        slot = line.slots.get(x)
        if slot is None or line.is_pending(slot) or (line.failed[slot] and slot in line.barred):
            return None
        return slot

    def __getitem__(self, x: float) -> Value:
        slot = self._slot(x)
        if slot is None:
            raise KeyError(x)
        assert self._line.y is not None
        shape = self._shape()
        return self._line.y[slot].copy().reshape(shape) if shape else float(self._line.y[slot, 0])

    def __iter__(self) -> Iterator[float]:
        return cast(Iterator[float], iter(self.arrays()[0].tolist()))

    def values(self) -> ValuesView[Value]:  # type: ignore[override]
        return _PointValues(self)

    def items(self) -> ItemsView[float, Value]:  # type: ignore[override]
        return _PointItems(self)

    def copy(self) -> dict[float, Value]:
        return dict(self.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        if len(self) != len(other):
            return False
        missing = object()
        return all(_equal(y, other.get(x, missing)) for x, y in self.items())

    def _columns(self) -> tuple[list[float], list[Any]]:
        xs, ys = self.arrays()
        shape = self._shape()
        values: list[Any] = list(ys.reshape(-1, *shape)) if shape else ys[:, 0].tolist()
        return xs.tolist(), values


class _PointValues(ValuesView[Value]):
    _mapping: PointData

    def __iter__(self) -> Iterator[Value]:
        return iter(self._mapping._columns()[1])


class _PointItems(ItemsView[float, Value]):
    _mapping: PointData

    def __iter__(self) -> Iterator[tuple[float, Value]]:
        return zip(*self._mapping._columns(), strict=True)


def _equal(a: Any, b: Any) -> bool:
    """Return whether values are equal, where NaN equals NaN."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b)
    try:
        return np.array_equal(np.asarray(a, dtype=float), np.asarray(b, dtype=float), equal_nan=True)
    except (TypeError, ValueError):
        return False


class Neighbors(Mapping[float, list[float | None]]):
    """``{x: [left neighbour, right neighbour]}``, ascending; None for a missing neighbour.

    Parameters
    ----------
    line : PointsOnLine
    combined : bool
        True if pending points count as neighbours.
    """

    def __init__(self, line: PointsOnLine, combined: bool) -> None:
        self._line = line
        self._combined = combined

    def __getitem__(self, x: float) -> list[float | None]:
        line = self._line
        slot = line.slots.get(x)
        if slot is None or line.right[slot] < (PENDING if self._combined else 0) or line.after[slot] < 0:
            raise KeyError(x)
        before, after = (line.before, line.after) if self._combined else (line.left, line.right)
        return [float(line.x[n]) if n else None for n in (before[slot], after[slot])]

    def __iter__(self) -> Iterator[float]:
        xs, slots = self._line.in_chain()
        if not self._combined:
            xs = xs[self._line.right[slots] != PENDING]
        return cast(Iterator[float], iter(xs.tolist()))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class IntervalLossView(Mapping[Interval, float]):
    """``{(left end, right end): loss}`` of the intervals between neighbours, ascending.

    Parameters
    ----------
    neighbors : Neighbors
    line : PointsOnLine
    losses : array of float, shape (capacity,)
        The loss of each interval in the slot of its left end.
    """

    def __init__(self, neighbors: Neighbors, line: PointsOnLine, losses: NDArray[np.float64]) -> None:
        self._neighbors = neighbors
        self._line = line
        self._losses = losses

    def __getitem__(self, interval: Interval) -> float:
        left, right = interval
        if left not in self._neighbors or self._neighbors[left][1] != right:
            raise KeyError(interval)
        return float(self._losses[self._line.slots[left]])

    def __iter__(self) -> Iterator[Interval]:
        points = list(self._neighbors)
        return pairwise(points)

    def __len__(self) -> int:
        return max(0, len(self._neighbors) - 1)

    def __repr__(self) -> str:
        return repr(dict(self))
