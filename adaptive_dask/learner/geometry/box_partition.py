"""A region divided into boxes: for so many dimensions that a triangulation explodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from adaptive_dask.learner.loss_queue import LossQueue
from adaptive_dask.learner.losses.value_range import ValueRange

from .box_tree import BoxTree
from .partition import Point
from .simplices import Floats, Ints

# (simplices, scaled values, scale) → losses
LossOf = Callable[[Floats, Floats, float], Floats]

# How much of an axis along which nothing seems to change counts when the axis to cut is chosen: a change by a
# tenth of the range of the values.
UNSEEN = 0.1
# Boxes with sides shorter than this are not cut, and points closer together share a box.
SMALLEST = 1e-12
# So many points say how the function changes in a box: twice as many as there are dimensions, up to this number.
ENOUGH = 40
# When the range of the values has grown, so many boxes are brought up to date with every batch of results.
RESCALED_AT_ONCE = 200


class BoxProposal(NamedTuple):
    """A point for an empty box, or for the empty half of a box that is to be cut along an axis."""

    point: Point
    gain: float
    box: int
    axis: int


class BoxSnapshot(NamedTuple):
    """The points in flight; see `BoxPartition.snapshot`."""

    cuts: int
    drawn: int
    pending: dict[int, Point]
    opened: dict[int, int]


class SavedBoxes(NamedTuple):
    """What `BoxPartition.save` keeps: which boxes were cut along which axes, how far the sequence is, and the scale."""

    boxes: Ints
    axes: Ints
    drawn: int
    value_range: Any


class BoxPartition:
    """Boxes with one point each; keeps the `Partition` protocol.

    A leaf of a tree of boxes holds at most one point. The next point goes into the leaf with the largest loss:
    the leaf is cut in halves along the axis along which the function changes most, and the empty half gets
    the point, at a place that differs from box to box (a Kronecker sequence), so that all axes are explored.

    The function in a box is taken to be linear, as regression over the smallest box around it says that has
    enough points. The loss of a box is the loss of the simplex that one of its corners spans with the
    adjacent ones, with those values. A point costs as much as the tree is deep plus a number of boxes that
    does not grow.

    A point that was not proposed may lie in the box of another one, which is cut at its longest side until they are
    apart: what comes of such points does not depend on their order.

    Parameters
    ----------
    dim : int
    loss_of : callable
        ``loss_of(simplices, values, scale)`` for arrays of shape (m, d + 1, d) and (m, d + 1, vdim).
    """

    def __init__(self, dim: int, loss_of: LossOf) -> None:
        self._tree = BoxTree(dim)
        self._loss_of = loss_of
        self._enough = min(2 * dim, ENOUGH)
        self._range = ValueRange()
        self._points: dict[int, Point] = {}  # the point in each leaf that has one
        self._pending: dict[int, Point] = {}
        self._opened: dict[int, int] = {}  # by number in flight: the box that was cut for it
        self._open: set[int] = set()  # the same boxes
        self._expected = LossQueue()  # losses of the leaves
        self._real = LossQueue()  # losses of the boxes as they were before any was cut for points in flight
        self._cuts: list[int] = []
        self._drawn = 0
        self._to_rescale = 0  # boxes below this number still have losses in an old scale
        self._model_of = np.full(64, -1, dtype=np.intp)  # what the loss of a box is from; -1 if it has none
        # Powers of the generalised golden ratio (Roberts 2018) spread the points evenly.
        ratio = 2.0
        for _ in range(50):
            ratio = (1 + ratio) ** (1 / (dim + 1))
        self._steps = ratio ** -np.arange(1.0, dim + 1)
        self._update([0])

    def absorb(self, points: Sequence[Point], values: Floats, numbers: Sequence[int | None]) -> None:
        """See `Partition.absorb`."""
        tree = self._tree
        changed: set[int] = set()
        for i in sorted(range(len(points)), key=points.__getitem__):
            number = numbers[i]
            if number is not None and self._pending.pop(number, None) is not None:
                self._settle(number)
            path = self._place(points[i])
            if np.isfinite(values[i]).all():
                tree.add(path, points[i], values[i])
                changed.update(path)
        self._cuts.clear()
        if self._range.include(values):
            self._to_rescale = tree.count
        start = max(0, self._to_rescale - RESCALED_AT_ONCE)
        model_of = self._model_of[: tree.count]
        outdated = np.zeros(len(self._model_of) + 1, dtype=bool)  # the last entry stands for -1
        outdated[list(changed)] = True
        outdated = outdated[model_of]
        outdated[start : self._to_rescale] = model_of[start : self._to_rescale] >= 0
        self._to_rescale = start
        self._update(np.flatnonzero(outdated).tolist())

    def save(self) -> SavedBoxes:
        """See `Partition.save`."""
        return SavedBoxes(*self._tree.cuts(), self._drawn, self._range.save())

    def resume(self, saved: SavedBoxes, points: Sequence[Point], values: Floats) -> None:
        """See `Partition.resume`. The same up to rounding, for sums are added up in another order."""
        for box, axis in zip(saved.boxes.tolist(), saved.axes.tolist(), strict=True):
            self._cut(box, axis)
        self._drawn = saved.drawn
        self._range.resume(saved.value_range)
        self._to_rescale = 0
        tree = self._tree
        for point, value in zip(points, values, strict=True):
            path = tree.path(point)
            self._points.setdefault(path[-1], point)
            if np.isfinite(value).all():
                tree.add(path, point, value)
        self._cuts.clear()
        self._end(0)
        self._update(np.flatnonzero(tree.first_half[: tree.count] < 0).tolist())

    def loss(self, real: bool) -> float:
        """See `Partition.loss`; infinite as long as there are too few points for any regression."""
        if self._tree.number_of_points[0] < self._enough:
            return np.inf
        queue = self._real if real else self._expected
        box = queue.peek()
        return 0.0 if box is None else queue.priority(box)

    def propose(self) -> BoxProposal | None:
        """See `Partition.propose`."""
        tree = self._tree
        while (box := self._expected.peek()) is not None:
            low, high = tree.low[box].copy(), tree.high[box].copy()
            axis = -1
            if box in self._points:
                axis = self._axis_to_cut(box)
                if high[axis] - low[axis] < SMALLEST:
                    self._expected.remove(box)
                    continue
                middle = 0.5 * (low[axis] + high[axis])
                empty_half = low if self._points[box][axis] < middle else high
                empty_half[axis] = middle
            self._drawn += 1
            place = 0.1 + 0.8 * ((0.5 + self._drawn * self._steps) % 1.0)
            point = tuple((low + place * (high - low)).tolist())
            return BoxProposal(point, self._expected.priority(box), box, axis)
        return None

    def accept(self, proposal: BoxProposal, number: int) -> None:
        """See `Partition.accept`."""
        box = proposal.box
        self._pending[number] = proposal.point
        if proposal.axis >= 0:
            self._open.add(box)
            self._opened[number] = box
            lower = self._cut(box, proposal.axis)
            self._update([lower, lower + 1])
        self._points[self._tree.path(proposal.point)[-1]] = proposal.point

    def give_up(self, proposal: BoxProposal) -> None:
        """See `Partition.give_up`. The next proposal for the same box is at another place in it."""

    def add_pending(self, number: int, point: Point) -> None:
        """See `Partition.add_pending`."""
        self._pending[number] = point
        self._place(point)

    def clear_pending(self) -> None:
        """See `Partition.clear_pending`. Boxes that were cut stay so; the next points go into empty ones."""
        self._pending, pending = {}, self._pending
        for number, point in pending.items():
            self._settle(number)
            leaf = self._tree.path(point)[-1]
            if self._points.get(leaf) == point:
                del self._points[leaf]
        self._cuts.clear()

    def snapshot(self) -> BoxSnapshot:
        """See `Partition.snapshot`."""
        return BoxSnapshot(len(self._cuts), self._drawn, dict(self._pending), dict(self._opened))

    def restore(self, snapshot: BoxSnapshot) -> None:
        """See `Partition.restore`."""
        for number in self._pending.keys() - snapshot.pending.keys():
            self._points.pop(self._tree.path(self._pending[number])[-1], None)
        self._drawn, self._pending = snapshot.drawn, dict(snapshot.pending)
        self._opened = dict(snapshot.opened)
        self._open = set(self._opened.values())
        while len(self._cuts) > snapshot.cuts:
            box = self._cuts.pop()
            lower = int(self._tree.first_half[box])
            for half in (lower, lower + 1):
                self._expected.remove(half)
                if half in self._points:
                    self._points[box] = self._points.pop(half)
            self._tree.join(box)
            self._update([box])

    def _axis_to_cut(self, box: int) -> int:
        tree = self._tree
        model = tree.models(np.array([box]), self._enough)
        changes = np.linalg.norm(tree.slopes(model)[0], axis=1) / self._range.scale
        return int(np.argmax((changes + UNSEEN) * (tree.high[box] - tree.low[box])))

    def _cut(self, box: int, axis: int) -> int:
        """Halve a leaf, whose point goes into the half that contains it; returns the lower half, without a loss yet."""
        point = self._points.pop(box, None)
        lower = self._tree.halve(box, axis, point)
        if len(self._model_of) < self._tree.count:
            self._model_of = np.concatenate([self._model_of, np.full_like(self._model_of, -1)])
        self._expected.remove(box)
        self._cuts.append(box)
        if point is not None:
            self._points[self._tree.half_with(box, point)] = point
        return lower

    def _place(self, point: Point) -> list[int]:
        """Give a point a leaf of its own, if need be by cutting; returns the path there."""
        tree = self._tree
        path = tree.path(point)
        new: list[int] = []
        while (other := self._points.setdefault(path[-1], point)) != point:
            if np.abs(np.subtract(point, other)).max() < SMALLEST:
                break
            box = path[-1]
            self._end(box)
            lower = self._cut(box, int(np.argmax(tree.high[box] - tree.low[box])))
            path.append(tree.half_with(box, point))
            new += (lower, lower + 1)
        self._update([box for box in new if tree.first_half[box] < 0])
        return path

    def _settle(self, number: int) -> None:
        """A box that was cut for a point in flight is cut for good."""
        box = self._opened.pop(number, None)
        if box is None:
            return
        self._open.discard(box)
        self._end(box)
        if not self._is_hidden(box):
            self._expose(int(self._tree.first_half[box]))

    def _end(self, box: int) -> None:
        """A box that is cut for good has no loss any more."""
        self._real.remove(box)
        self._model_of[box] = -1

    def _expose(self, lower: int) -> None:
        """Let both halves of a box, or what they were cut into for good, count for the real loss."""
        todo = [lower, lower + 1]
        seen = []
        for box in todo:
            half = int(self._tree.first_half[box])
            if half < 0 or box in self._open:
                seen.append(box)
            else:
                todo += (half, half + 1)
        self._update(seen)

    def _is_hidden(self, box: int) -> bool:
        """Whether a box is part of one that was cut for a point in flight."""
        while box > 0:
            box = int(self._tree.parent[box])
            if box in self._open:
                return True
        return False

    def _update(self, numbers: Sequence[int]) -> None:
        """Compute the losses of boxes that are leaves or open."""
        if not numbers:
            return
        tree = self._tree
        boxes = np.array(numbers, dtype=np.intp)
        models = tree.models(boxes, self._enough)
        self._model_of[boxes] = models
        distinct, which = np.unique(models, return_inverse=True)
        slopes = tree.slopes(distinct)[which]
        middles, means = tree.means(distinct)
        low, widths = tree.low[boxes], tree.high[boxes] - tree.low[boxes]
        corners = np.concatenate([low[:, None], low[:, None] + widths[:, :, None] * np.eye(tree.dim)], axis=1)
        values = means[which][:, None] + (corners - middles[which][:, None]) @ slopes
        losses = self._loss_of(corners, values / self._range.scale, self._range.scale)
        losses = np.where(np.isnan(losses), 0.0, losses)
        for box, loss in zip(numbers, losses.tolist(), strict=True):
            if tree.first_half[box] < 0:
                self._expected.set(box, loss)
            if not self._is_hidden(box):
                self._real.set(box, loss)
