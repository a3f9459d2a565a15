"""Interpolation of functions that are periodic along some axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adaptive_dask.types import Array

# The distance beyond a seam up to which points are repeated: minimum share of the period, and number of cells.
_LEAST_SHARE, _CELLS = 0.1, 3.0


class AcrossSeams:
    """An interpolator with points repeated beyond the seams of periodic axes.

    Simplices across a seam may differ on its two sides, because points on a lattice have several triangulations. Near a
    seam, the values of both sides are therefore mixed, so that they are equal on the seam.

    Parameters
    ----------
    fit : callable
        Returns an interpolator of points, shape (n, d), and values, shape (n, m).
    points, values : array
        With points on a seam on both sides.
    bbox : sequence of pairs of float
    periodic : sequence of bool
    """

    def __init__(
        self,
        fit: Callable[[Array, Array], Any],
        points: Array,
        values: Array,
        bbox: Sequence[tuple[float, float]],
        periodic: Sequence[bool],
    ) -> None:
        share = min(0.5, max(_LEAST_SHARE, _CELLS * len(points) ** (-1 / points.shape[1])))
        self._seams = [
            (axis, low, high, share * (high - low))
            for axis, ((low, high), repeats) in enumerate(zip(bbox, periodic, strict=True))
            if repeats
        ]
        for axis, low, high, margin in self._seams:
            x = points[:, axis]
            parts, numbers = [points], [np.arange(len(points))]
            for shift, near in (
                (low - high, (x >= high - margin) & (x < high)),
                (high - low, (x <= low + margin) & (x > low)),
            ):
                moved = points[near]
                moved[:, axis] += shift
                parts.append(moved)
                numbers.append(np.flatnonzero(near))
            points, values = np.concatenate(parts), values[np.concatenate(numbers)]
        self._fit = fit(points, values)

    def __call__(self, points: Array) -> Array:
        """Return values, shape (n, m), at points of shape (n, d)."""
        return self._mixed(points, len(self._seams))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._fit, name)

    def _mixed(self, points: Array, count: int) -> Array:
        """Return the values, mixed across the first ``count`` seams."""
        if not count:
            return np.array(self._fit(points))
        values = self._mixed(points, count - 1)
        axis, low, high, margin = self._seams[count - 1]
        x = points[:, axis]
        from_low, from_high = x - low, high - x
        part = 0.5 - np.minimum(from_low, from_high) / margin  # 0.5 on the seam, 0 at half the margin
        rows = np.flatnonzero((part > 0) & (part <= 0.5))
        if not len(rows):
            return values
        moved = points[rows]
        moved[:, axis] += np.where(from_low[rows] < from_high[rows], high - low, low - high)
        others, weights = self._mixed(moved, count - 1), part[rows, np.newaxis]
        mixed = (1 - weights) * values[rows] + weights * others
        mixed = np.where(np.isnan(others), values[rows], mixed)
        values[rows] = np.where(np.isnan(values[rows]), others, mixed)
        return values
