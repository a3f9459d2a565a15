"""A region divided into boxes, for dimensions in which a triangulation is too expensive."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.loss_queue import LossQueue
from adaptive_dask.learner.losses.value_range import ValueRange

from .box_places import BoxPlaces
from .box_tree import BoxTree
from .failed_boxes import FailedBoxes
from .failed_region import FAILED, FEASIBLE, TOLERANCE, Flags
from .partition import Point
from .simplices import Floats, Ints

# (simplices, scaled values, scale) → losses
LossOf = Callable[[Floats, Floats, float], Floats]

# The minimum weight of an axis along which the function does not seem to change, in the choice of the axis to cut: a
# change by a tenth of the range of the values.
UNSEEN = 0.1
# Shorter sides are not cut, and points closer together share a box.
SMALLEST = 1e-12
# A box is full after this number of proposals, at different places, were known points.
REFUSALS = 8
# A regression uses twice as many points as there are dimensions, up to this number.
ENOUGH = 40
# The accuracy of losses.
LOSS_BITS = 40
# After the range of the values has grown, this number of boxes is updated with every batch of results.
RESCALED_AT_ONCE = 200


class BoxProposal(NamedTuple):
    """A point for an empty box, or for the empty half of a box that is to be cut along an axis."""

    point: Point
    gain: float
    box: int
    axis: int
    kind: int = FEASIBLE


class BoxSnapshot(NamedTuple):
    """The pending points; see `BoxPartition.snapshot`."""

    cuts: int
    drawn: int
    pending: dict[int, Point]
    refusals: dict[int, int]


class SavedBoxes(NamedTuple):
    """The result of `BoxPartition.save`: boxes and the axes of their cuts, position in the sequence, and scale."""

    boxes: Ints
    axes: Ints
    drawn: int
    value_range: Any


# The rank of an infinite loss, multiplied by the volume, and the smallest infinite one.
_INFINITE, _UNKNOWN = 1e300, 1e250


class BoxPartition:
    """Boxes with one point each; implements the `Partition` protocol.

    A leaf of a tree of boxes holds at most one point. The next point is in the leaf with the largest loss. The leaf is
    halved along the axis along which the function changes most, and the empty half gets the point. Its place differs
    between boxes (a Kronecker sequence), so that all axes are explored.

    The function in a box is approximated by regression over the smallest box around it that has enough points. The loss
    of a box is the loss of the simplex of one of its corners and the adjacent ones, with these values. The cost of a
    point is proportional to the depth of the tree, plus a constant number of boxes.

    A point that was not proposed may lie in the box of another one, which is cut at its longest side until they are
    separated. The result does not depend on the order of such points.

    Cuts between evaluated points are permanent and count for the real loss. The loss is therefore independent of
    pending points, and so are the boxes after pending points were removed.

    Parameters
    ----------
    dim : int
    loss_of : callable
        ``loss_of(simplices, values, scale)`` for arrays of shape (m, d + 1, d) and (m, d + 1, vdim).
    spacing : sequence of dim floats, optional
        Along every axis, less than the distance of neighbouring floating-point numbers of the user's coordinate.
        Shorter sides are not cut.
    places : BoxPlaces, optional
        The possible places of points, if restricted. A box without another place has no loss.
    tolerance : float
        The length to which the border of a region without values is resolved.
    """

    def __init__(
        self,
        dim: int,
        loss_of: LossOf,
        spacing: Sequence[float] | None = None,
        places: BoxPlaces | None = None,
        tolerance: float = TOLERANCE,
    ) -> None:
        self._places = places
        self._tree = BoxTree(dim)
        self._failed = FailedBoxes(self._tree, tolerance)
        self._smallest = np.maximum(np.zeros(dim) if spacing is None else spacing, SMALLEST)
        self._loss_of = loss_of
        self._enough = min(2 * dim, ENOUGH)
        self._range = ValueRange()
        self._points: dict[int, Point] = {}  # the point in each leaf, if any
        self._pending: dict[int, Point] = {}
        self._refusals: dict[int, int] = {}  # by box
        self._expected = LossQueue()  # losses of the leaves
        self._real = LossQueue()  # losses of the boxes without pending points
        self._cuts: list[tuple[int, float, int]] = []  # boxes, their former losses, and the models of these
        self._drawn = 0
        self._to_rescale = 0  # boxes below this number have losses in an old scale
        self._model_of = np.full(64, -1, dtype=np.intp)  # the box with the model for the loss of a box; -1 without loss
        # Powers of the generalised golden ratio (Roberts 2018) spread the points evenly.
        ratio = 2.0
        for _ in range(50):
            ratio = (1 + ratio) ** (1 / (dim + 1))
        self._steps = ratio ** -np.arange(1.0, dim + 1)
        self._update([0])

    def absorb(
        self, points: Sequence[Point], values: Floats, numbers: Sequence[int | None], failed: Flags | None = None
    ) -> None:
        """Implement `Partition.absorb`."""
        tree = self._tree
        changed: set[int] = set()
        doubled: list[int] = []
        for i in sorted(range(len(points)), key=points.__getitem__):
            number = numbers[i]
            if number is not None and number in self._pending:
                self._vacate(self._pending.pop(number))
            path = self._occupy(points[i])
            doubled += [box for box in path if tree.occupants[box] == 2]
            if failed is not None and failed[i]:
                self._failed.points.add(points[i])
            if np.isfinite(values[i]).all():
                tree.add(path, points[i], values[i])
                changed.update(path)
        self._cuts.clear()
        if self._range.include(values):
            self._to_rescale = tree.count
        exposed = self._expose(doubled)
        start = max(0, self._to_rescale - RESCALED_AT_ONCE)
        model_of = self._model_of[: tree.count]
        outdated = np.zeros(len(self._model_of) + 1, dtype=bool)  # the last entry is for -1
        outdated[list(changed)] = True
        outdated = outdated[model_of]
        outdated[start : self._to_rescale] = model_of[start : self._to_rescale] >= 0
        outdated[exposed] = True
        if self._places is not None:  # a box that has its only point has no loss, for any value
            leaves = np.array([tree.path(point)[-1] for point in points])
            outdated[leaves[self._places.are_single(tree.low[leaves], tree.high[leaves])]] = True
        self._to_rescale = start
        if self._failed.points:
            leaves = np.array([tree.path(point)[-1] for point in points])
            outdated[leaves] = True
        self._update(np.flatnonzero(outdated).tolist())

    def save(self) -> SavedBoxes:
        """Implement `Partition.save`."""
        return SavedBoxes(*self._tree.cuts(), self._drawn, self._range.save())

    def resume(self, saved: SavedBoxes, points: Sequence[Point], values: Floats, failed: Flags | None = None) -> None:
        """Implement `Partition.resume`. The result is equal up to rounding, because sums are in another order."""
        for box, axis in zip(saved.boxes.tolist(), saved.axes.tolist(), strict=True):
            self._cut(box, axis)
        self._drawn = saved.drawn
        self._range.resume(saved.value_range)
        self._to_rescale = 0
        tree = self._tree
        if failed is not None:
            self._failed.points.update(point for point, each in zip(points, failed, strict=True) if each)
        for point, value in zip(points, values, strict=True):
            path = self._occupy(point)
            if np.isfinite(value).all():
                tree.add(path, point, value)
        self._cuts.clear()
        self._real.clear()
        self._model_of[:] = -1
        boxes = np.arange(tree.count)
        self._update(boxes[(tree.first_half[: tree.count] < 0) | self._is_real(boxes)].tolist())

    def loss(self, real: bool) -> float:
        """Implement `Partition.loss`; infinite while there are too few points for a regression."""
        if self._tree.number_of_points[0] < self._enough:
            return np.inf
        queue = self._real if real else self._expected
        box = queue.peek()
        return 0.0 if box is None else _loss_of_rank(queue.priority(box))

    def propose(self) -> BoxProposal | None:
        """Implement `Partition.propose`."""
        tree = self._tree
        while (found := self._next()) is not None:
            box, kind = found
            low, high = tree.low[box].copy(), tree.high[box].copy()
            axis = -1
            if box in self._points:
                axis = self._axis_to_cut(box) if kind == FEASIBLE else self._longest_side(box)
                if axis < 0:
                    self._refusals[box] = REFUSALS
                    self._expected.remove(box)
                    self._failed.remove(box)
                    continue
                middle = 0.5 * (low[axis] + high[axis])
                empty_half = low if self._points[box][axis] < middle else high
                empty_half[axis] = middle
            self._drawn += 1
            place = 0.1 + 0.8 * ((0.5 + self._drawn * self._steps) % 1.0)
            point = low + place * (high - low)
            if self._places is not None:
                point = self._places.nearest(point, low, high)
            gain = max(0.0, _loss_of_rank(self._expected.priority(box)))
            if kind != FEASIBLE:  # a point that is due, independent of its loss
                gain = max(gain, self.loss(False))
            return BoxProposal(tuple(point.tolist()), gain, box, axis, kind)
        return None

    def _next(self) -> tuple[int, int] | None:
        """Return the next box to divide, and its kind."""
        if self._failed.points:
            return self._failed.next(self._expected, self._pending)
        box = self._expected.peek()
        return None if box is None else (box, FEASIBLE)

    def accept(self, proposal: BoxProposal, number: int) -> None:
        """Implement `Partition.accept`."""
        if number in self._pending:  # rounded to a pending point
            self.give_up(proposal)
            return
        self._pending[number] = proposal.point
        self._failed.note_in_flight(number, proposal.kind)
        if proposal.axis >= 0:
            lower = self._cut(proposal.box, proposal.axis)
            self._update([lower, lower + 1])
        self._points[self._tree.path(proposal.point)[-1]] = proposal.point

    def give_up(self, proposal: BoxProposal) -> None:
        """Implement `Partition.give_up`. The next proposals for the box are at other places in it, until it is full."""
        box = proposal.box
        self._refusals[box] = self._refusals.get(box, 0) + 1
        if self._refusals[box] >= REFUSALS:
            self._expected.remove(box)
            self._failed.remove(box)

    def add_pending(self, points: Mapping[int, Point]) -> None:
        """Implement `Partition.add_pending`."""
        self._pending.update(points)
        for point in points.values():
            self._place(point)

    def clear_pending(self) -> None:
        """Implement `Partition.clear_pending`. Boxes that were cut only for pending points are joined."""
        tree = self._tree
        points = [point for leaf, point in self._points.items() if tree.occupants[leaf]]
        kept = tree.prune()
        self._pending.clear()
        self._cuts.clear()
        self._refusals.clear()
        self._points = {tree.path(point)[-1]: point for point in points}
        self._to_rescale = int(np.searchsorted(kept, self._to_rescale))
        # Remaining boxes keep their losses, whose models are remaining boxes with several points.
        models = self._model_of[kept]
        self._model_of = np.full_like(self._model_of, -1)
        self._model_of[: tree.count] = np.where(models < 0, -1, np.searchsorted(kept, models))
        losses = np.array([self._real.priority(box) for box in kept.tolist()])
        self._expected.clear()
        self._real.clear()
        leaves = np.flatnonzero(tree.first_half[: tree.count] < 0)
        self._expected.set_many(leaves, self._ranks(leaves, losses[leaves]))
        self._real.set_many(leaves, losses[leaves])
        if self._failed.points:
            self._failed.start_over(leaves.tolist(), self._points)
            self._drop_failed(leaves.tolist())

    def snapshot(self) -> BoxSnapshot:
        """Implement `Partition.snapshot`."""
        return BoxSnapshot(len(self._cuts), self._drawn, dict(self._pending), dict(self._refusals))

    def restore(self, snapshot: BoxSnapshot) -> None:
        """Implement `Partition.restore`."""
        for number in self._pending.keys() - snapshot.pending.keys():
            self._vacate(self._pending[number])
        self._drawn, self._pending = snapshot.drawn, dict(snapshot.pending)
        while len(self._cuts) > snapshot.cuts:
            box, loss, model = self._cuts.pop()
            self._model_of[box] = model
            lower = int(self._tree.first_half[box])
            for half in (lower, lower + 1):
                self._expected.remove(half)
                self._model_of[half] = -1
                if half in self._points:
                    self._points[box] = self._points.pop(half)
            self._tree.join(box)
            self._expected.set(box, loss)
            if self._failed.points:
                self._failed.come_back(box)
        refused = [box for box, refusals in self._refusals.items() if refusals != snapshot.refusals.get(box)]
        self._refusals = dict(snapshot.refusals)
        self._update([box for box in refused if box < self._tree.count and self._tree.first_half[box] < 0])

    def _axis_to_cut(self, box: int) -> int:
        """Return the axis along which the function changes most, or -1 if all sides are too short."""
        tree = self._tree
        model = tree.models(np.array([box]), self._enough)
        changes = np.linalg.norm(tree.slopes(model)[0] / (self._range.scale * tree.unit), axis=1)
        sides = tree.high[box] - tree.low[box]
        measure = np.where(self._can_cut(box), (changes + UNSEEN) * sides, -1.0)
        axis = int(np.argmax(measure))
        return axis if measure[axis] >= 0 else -1

    def _can_cut(self, box: int) -> NDArray[np.bool_]:
        """Return the axes along which a box can be cut, shape (dim,)."""
        low, high = self._tree.low[box], self._tree.high[box]
        long: NDArray[np.bool_] = high - low >= self._smallest
        return long if self._places is None else long & (self._places.counts(low, high) > 1)

    def _longest_side(self, box: int) -> int:
        sides = self._tree.high[box] - self._tree.low[box]
        axis = int(np.argmax(sides))
        return axis if sides[axis] >= self._smallest[axis] else -1

    def _drop_failed(self, leaves: Sequence[int]) -> None:
        """Remove boxes without values from the queue by loss."""
        for leaf in leaves:
            if self._failed.kind_of_leaf(leaf, self._points) == FAILED:
                self._expected.remove(leaf)
                if self._tree.number_of_points[0]:
                    self._real.set(leaf, 0.0)

    def _cut(self, box: int, axis: int) -> int:
        """Halve a leaf, whose point moves to the half that contains it; return the lower half, without a loss."""
        point = self._points.pop(box, None)
        lower = self._tree.halve(box, axis, point)
        if len(self._model_of) < self._tree.count:
            self._model_of = np.concatenate([self._model_of, np.full_like(self._model_of, -1)])
        self._cuts.append((box, self._expected.priority(box), int(self._model_of[box])))
        self._expected.remove(box)
        self._failed.remove(box)
        if not self._is_real(np.array([box]))[0]:
            self._model_of[box] = -1
        if point is not None:
            self._points[self._tree.half_with(box, point)] = point
        return lower

    def _place(self, point: Point) -> list[int]:
        """Give a point its own leaf, by cutting if necessary; return the path to it."""
        tree = self._tree
        path = tree.path(point)
        new: list[int] = []
        while (other := self._points.setdefault(path[-1], point)) != point:
            if (np.abs(np.subtract(point, other)) < self._smallest).all():
                break
            box = path[-1]
            sides = tree.high[box] - tree.low[box]
            if self._places is not None and (can_cut := self._can_cut(box)).any():
                sides = np.where(can_cut, sides, 0.0)
            lower = self._cut(box, int(np.argmax(sides)))
            path.append(tree.half_with(box, point))
            new += (lower, lower + 1)
        self._update([box for box in new if tree.first_half[box] < 0])
        return path

    def _occupy(self, point: Point) -> list[int]:
        """Do the same for an evaluated point."""
        path = self._place(point)
        if not self._tree.occupants[path[-1]]:
            self._points[path[-1]] = point
            self._tree.occupants[path] += 1
        return path

    def _vacate(self, point: Point) -> None:
        """Remove a pending point from its leaf."""
        leaf = self._tree.path(point)[-1]
        if self._points.get(leaf) == point and not self._tree.occupants[leaf]:
            del self._points[leaf]

    def _is_real(self, boxes: Ints) -> NDArray[np.bool_]:
        """Return which boxes, shape (k,), exist without pending points."""
        tree = self._tree
        is_leaf = (tree.first_half[boxes] < 0) | (tree.occupants[boxes] < 2)
        result: NDArray[np.bool_] = is_leaf & ((boxes == 0) | (tree.occupants[tree.parent[boxes]] > 1))
        return result

    def _expose(self, boxes: list[int]) -> Ints:
        """Make cuts of boxes with two points permanent; return those of their halves without a loss."""
        for box in boxes:
            self._real.remove(box)
        self._model_of[boxes] = -1
        lower = self._tree.first_half[boxes]
        halves = np.concatenate([lower, lower + 1])
        real: Ints = halves[self._is_real(halves)]
        return real

    def _ranks(self, boxes: Ints, losses: Floats) -> Floats:
        """Return the ranks of boxes, shape (k,), with these losses; among infinite ones, the largest box is first."""
        if not np.isposinf(losses).any():
            return losses
        volumes = (self._tree.high[boxes] - self._tree.low[boxes]).prod(axis=1)
        return np.where(np.isposinf(losses), np.maximum(_INFINITE * volumes, _UNKNOWN), losses)

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
        if tree.number_of_points[0]:
            losses = self._loss_of(corners, values / (self._range.scale * tree.unit), self._range.scale)
        else:  # no values for a loss
            losses = widths.prod(axis=1)
        # Boxes of one shape with one model have equal losses up to rounding, which must not decide their order. It
        # differs in a copy, where sums are in another order.
        mantissas, exponents = np.frexp(np.where(np.isnan(losses), np.inf, losses))
        losses = np.ldexp(np.round(mantissas * 2.0**LOSS_BITS), exponents - LOSS_BITS)
        real = self._is_real(boxes).tolist()
        expected = losses
        if self._places is not None:
            single = self._places.are_single(tree.low[boxes], tree.high[boxes])
            expected = np.where(single & np.array([box in self._points for box in numbers]), 0.0, losses)
            losses = np.where(single & (tree.occupants[boxes] > 0), 0.0, losses)
        ranks = self._ranks(boxes, expected).tolist()
        for box, loss, rank, is_real in zip(numbers, losses.tolist(), ranks, real, strict=True):
            if tree.first_half[box] < 0 and self._refusals.get(box, 0) < REFUSALS:
                self._expected.set(box, rank)
            if is_real:
                self._real.set(box, loss)
        if self._failed.points:
            leaves = [box for box in numbers if tree.first_half[box] < 0]
            self._failed.rank(leaves, self._points, with_neighbors=not self._cuts)
            self._drop_failed(leaves)


def _loss_of_rank(rank: float) -> float:
    return math.inf if rank >= _UNKNOWN else rank
