"""A tree of boxes that are halved repeatedly, with statistics of their points."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.capacity import longer

from .partition import Point
from .simplices import Floats, Ints

# Sums of values up to this size, and slopes from them, do not overflow. Larger values are multiplied by this power of
# two.
_LARGE, _SMALLER = 1e240, 2.0**-250


class BoxTree:
    """A binary tree of boxes: the unit cube, its two halves along an axis, their halves, and so on.

    Every box has sums over its evaluated points, to compute how the values change along every axis. Boxes are numbered;
    the two halves of a box have consecutive numbers.

    Parameters
    ----------
    dim : int

    Attributes
    ----------
    count : int
        The number of boxes.
    low, high : array, shape (capacity, dim)
        The corners of the boxes.
    parent, first_half, axis : array of int, shape (capacity,)
        ``first_half`` is the number of the lower half, or -1 for a leaf; ``axis`` is the axis of the cut.
    number_of_points : array of int, shape (capacity,)
        Evaluated points with finite values.
    occupants : array of int, shape (capacity,)
        Evaluated points that have their own leaf.
    unit : float
        The factor of values in sums: 1, or less if they are very large.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.count = 1
        self.unit = 1.0
        self.low: Floats = np.zeros((64, dim))
        self.high: Floats = np.ones((64, dim))
        self.parent: Ints = np.full(64, -1, dtype=np.intp)
        self.first_half: Ints = np.full(64, -1, dtype=np.intp)
        self.axis: Ints = np.zeros(64, dtype=np.intp)
        self.number_of_points: Ints = np.zeros(64, dtype=np.intp)
        self.occupants: Ints = np.zeros(64, dtype=np.intp)
        # Coordinates are relative to the centre of the box, so that no digits are lost in small boxes.
        self._x: Floats = np.zeros((64, dim))
        self._xx: Floats = np.zeros((64, dim))
        self._y: Floats = np.zeros((64, 1))
        self._xy: Floats = np.zeros((64, dim, 1))

    def path(self, point: Point) -> list[int]:
        """Return the boxes that contain a point, from the cube to the leaf. A point on a cut is in the upper half."""
        box = 0
        path = [0]
        while self.first_half[box] >= 0:
            box = self.half_with(box, point)
            path.append(box)
        return path

    def half_with(self, box: int, point: Point) -> int:
        """Return the half of a divided box that contains a point."""
        lower, axis = int(self.first_half[box]), self.axis[box]
        return lower + int(point[axis] >= self.low[lower + 1, axis])

    def neighbors(self, leaf: int) -> Iterator[int]:
        """Iterate over the leaves that share a part of a face with a leaf."""
        low, high = self.low[leaf].tolist(), self.high[leaf].tolist()
        boxes = [(0, False)]  # and whether the box is beside the leaf along one axis
        while boxes:
            box, beside = boxes.pop()
            lower, axis = int(self.first_half[box]), int(self.axis[box])
            if lower >= 0:
                cut = self.low[lower + 1, axis]
                if low[axis] < cut or (low[axis] == cut and not beside):
                    boxes.append((lower, beside or low[axis] == cut))
                if high[axis] > cut or (high[axis] == cut and not beside):
                    boxes.append((lower + 1, beside or high[axis] == cut))
            elif beside:
                yield box

    def halve(self, box: int, axis: int, point: Point | None = None) -> int:
        """Halve a leaf, and return the number of the lower half.

        The counts of the leaf are added to the half that contains ``point``.
        """
        if self.count + 2 > len(self.parent):
            self._grow()
        lower = self.count
        self.count += 2
        halves = slice(lower, lower + 2)
        self.low[halves], self.high[halves] = self.low[box], self.high[box]
        self.low[lower + 1, axis] = self.high[lower, axis] = 0.5 * (self.low[box, axis] + self.high[box, axis])
        self.parent[halves] = box
        self.first_half[halves] = -1
        self.number_of_points[halves] = self.occupants[halves] = 0
        for sums in (self._x, self._xx, self._y, self._xy):
            sums[halves] = 0.0
        self.first_half[box], self.axis[box] = lower, axis
        if point is not None:
            self._hand_down(box, self.half_with(box, point))
        return lower

    def _hand_down(self, box: int, half: int) -> None:
        shift = 0.5 * (self.low[box] + self.high[box] - self.low[half] - self.high[half])
        n = self.number_of_points[box]
        self.number_of_points[half] = n
        self.occupants[half] = self.occupants[box]
        self._x[half] = self._x[box] + n * shift
        self._xx[half] = self._xx[box] + shift * (2 * self._x[box] + n * shift)
        self._y[half] = self._y[box]
        self._xy[half] = self._xy[box] + shift[:, None] * self._y[box]

    def is_needed(self) -> NDArray[np.bool_]:
        """Return which boxes exist without pending points, shape (count,).

        Only evaluated points that must be separated are a reason to cut a box.
        """
        needed: NDArray[np.bool_] = self.occupants[self.parent[: self.count]] > 1
        needed[0] = True
        return needed

    def cuts(self) -> tuple[Ints, Ints]:
        """Return the boxes that must be halved, and the axes, in the order in which it was done.

        Boxes have the numbers that they get if only this is done.
        """
        needed = self.is_needed()
        boxes = self.parent[1 : self.count : 2][needed[1::2]]
        return np.cumsum(needed)[boxes] - 1, self.axis[boxes]

    def prune(self) -> Ints:
        """Undo all cuts that are not needed; return the former numbers of the remaining boxes, shape (count,)."""
        needed = self.is_needed()
        kept = np.flatnonzero(needed)
        numbers = np.cumsum(needed) - 1
        first_half = self.first_half[kept]
        cut = (first_half >= 0) & (self.occupants[kept] > 1)
        first_half = np.where(cut, numbers[first_half], -1)
        parent = numbers[self.parent[kept]]
        parent[0] = -1
        for array in (self.low, self.high, self._x, self._xx, self._y, self._xy):
            array[: len(kept)] = array[kept]
        for counts in (self.axis, self.number_of_points, self.occupants):
            counts[: len(kept)] = counts[kept]
        self.count = len(kept)
        self.parent[: self.count], self.first_half[: self.count] = parent, first_half
        return kept

    def join(self, box: int) -> None:
        """Undo the last `halve`, which must have been of this box."""
        assert self.first_half[box] == self.count - 2, "only the last cut can be undone"
        self.first_half[box] = -1
        self.count -= 2

    def add(self, path: list[int], point: Point, value: Floats) -> None:
        """Add an evaluated point with a finite value, shape (vdim,), to boxes that contain it."""
        if self._y.shape[1] != len(value):
            self._y = np.zeros((len(self.parent), len(value)))
            self._xy = np.zeros((len(self.parent), self.dim, len(value)))
        if self.unit == 1.0 and np.abs(value).max() > _LARGE:
            self.unit = _SMALLER
            self._y *= _SMALLER
            self._xy *= _SMALLER
        value = value * self.unit
        x = np.array(point) - 0.5 * (self.low[path] + self.high[path])
        self.number_of_points[path] += 1
        self._x[path] += x
        self._xx[path] += x * x
        self._y[path] += value
        self._xy[path] += x[:, :, None] * value

    def models(self, boxes: Ints, enough: int) -> Ints:
        """Return the smallest box with enough points that contains each box, or the cube if there is none."""
        models = np.array(boxes, dtype=np.intp)
        while True:
            poor = (self.number_of_points[models] < enough) & (models > 0)
            if not poor.any():
                return models
            models[poor] = self.parent[models[poor]]

    def slopes(self, boxes: Ints) -> Floats:
        """Return the slopes of the values, times `unit`, in k boxes, by regression along one axis at a time.

        Returns
        -------
        array, shape (k, dim, vdim)
            0 along an axis if all points have the same coordinate.
        """
        n = np.maximum(self.number_of_points[boxes], 1)[:, None]
        x = self._x[boxes] / n
        covariances = self._xy[boxes] / n[:, :, None] - x[:, :, None] * (self._y[boxes] / n)[:, None]
        variances = self._xx[boxes] / n - x**2
        known = variances > 1e-6 * (self.high[boxes] - self.low[boxes]) ** 2
        slopes = covariances / np.where(known, variances, 1.0)[:, :, None]
        return np.asarray(np.where(known[:, :, None], slopes, 0.0))

    def means(self, boxes: Ints) -> tuple[Floats, Floats]:
        """Return the mean point, shape (k, dim), and the mean value, times `unit`, shape (k, vdim), of k boxes."""
        n = np.maximum(self.number_of_points[boxes], 1)[:, None]
        return self._x[boxes] / n + 0.5 * (self.low[boxes] + self.high[boxes]), self._y[boxes] / n

    def _grow(self) -> None:
        size = 2 * len(self.parent)
        # All arrays have an item for each box.
        for name, array in vars(self).items():
            if isinstance(array, np.ndarray):
                setattr(self, name, longer(array, size))
