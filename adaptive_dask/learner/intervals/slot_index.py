"""The slots of the points of a `PointsOnLine`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import zeros

# The number, and the share of all points, at which the dict is emptied.
_MANY = 4096
_SHARE = 64

Slots = NDArray[np.integer[Any]]
_Sorted = tuple[NDArray[np.float64], Slots, Any]
_EMPTY: _Sorted = np.empty(0), np.empty(0, dtype=np.int32), np.empty(0).data


class SlotIndex:
    """A mapping of points to slots that takes about 20 bytes for each point.

    New points are in a dict. Now and then, those that stay for good move to sorted arrays, which take 12 bytes for a
    point instead of 140. A reader in another thread finds each point in the dict or in the arrays at any time.

    Attributes
    ----------
    recent : dict, float → int
        The points that are not in the arrays. All points that may be removed are among them.
    """

    def __init__(self) -> None:
        self.recent: dict[float, int] = {}
        self._sorted = _EMPTY
        self._limit = _MANY

    @property
    def is_full(self) -> bool:
        """True if it is time to call `settle`."""
        return len(self.recent) > self._limit

    def get(self, x: Any) -> int | None:
        """Return the slot of a point, or None if there is no such point."""
        slot = self.recent.get(x)
        if slot is not None:
            return slot
        _, slots, x_at = self._sorted
        try:
            i = bisect_left(x_at, x)
        except TypeError:  # no number
            return None
        return int(slots[i]) if i < len(slots) and x_at[i] == x else None

    def __contains__(self, x: object) -> bool:
        return self.get(x) is not None

    def __getitem__(self, x: float) -> int:
        slot = self.get(x)
        if slot is None:
            raise KeyError(x)
        return slot

    def settled_below(self, x: float) -> int:
        """Return the slot of the largest point below ``x`` in the arrays, or 0."""
        _, slots, x_at = self._sorted
        i = bisect_left(x_at, x)
        return int(slots[i - 1]) if i else 0

    def settle(self, points: NDArray[np.float64], slots: Slots) -> None:
        """Move points that will not be removed any more to the arrays.

        Parameters
        ----------
        points : array of float, shape (n,)
        slots : array of int, shape (n,)
        """
        xs, known, _ = self._sorted
        order = np.argsort(points)
        places = np.searchsorted(xs, points[order]) + np.arange(len(order))
        xs, known = _inserted(xs, places, points[order]), _inserted(known, places, slots[order])
        self._sorted = xs, known, xs.data
        if self.recent:
            self.recent = _without(self.recent, points.tolist())
        self._limit = max(_MANY, len(xs) // _SHARE) + 2 * len(self.recent)


def _without(slots: dict[float, int], points: Iterable[float]) -> dict[float, int]:
    gone = set(points)
    return {x: slot for x, slot in slots.items() if x not in gone}


def _inserted(array: NDArray[Any], places: Slots, items: NDArray[Any]) -> NDArray[Any]:
    """Return an array with further items at some places of the result, in ascending order."""
    result = zeros((len(array) + len(items),), array.dtype)
    is_old = np.ones(len(result), dtype=bool)
    is_old[places] = False
    result[places] = items
    result[is_old] = array
    return result
