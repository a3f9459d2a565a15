"""The boxes with a point where a function has no value, and those next to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from adaptive_dask.learner.loss_queue import LossQueue

from .box_tree import BoxTree
from .failed_region import FAILED, FEASIBLE, MIXED, RISKS, FailureQueues
from .partition import Point

# Points of two boxes may be further apart than these are long.
PART_OF_TOLERANCE = 0.6
# So far across a face lies the neighbour.
ACROSS = 1e-9


class FailedBoxes:
    """Which leaves of a tree of boxes are mixed or failed, and which comes next.

    A leaf is mixed if the function has a value at its point and none at that of a neighbour, or the other way round. It
    is divided at its longest side, as long as this is longer than a part of the tolerance.

    Parameters
    ----------
    tree : BoxTree
    tolerance : float

    Attributes
    ----------
    points : set of tuple of float
        The points without a value.
    """

    def __init__(self, tree: BoxTree, tolerance: float) -> None:
        self.points: set[Point] = set()
        self._tree = tree
        self._queues = FailureQueues(tree.dim, PART_OF_TOLERANCE * tolerance)
        self._risks: dict[int, float] = {}
        self._kinds: dict[int, int] = {}  # also of boxes that are no leaves while points are in flight

    def kind_of_leaf(self, leaf: int, points: Mapping[int, Point]) -> int | None:
        """Whether its point has a value, `FEASIBLE` or `FAILED`; None if it is in flight, or there is none."""
        if leaf not in points or not self._tree.occupants[leaf]:
            return None
        return FAILED if points[leaf] in self.points else FEASIBLE

    def rank(self, leaves: Iterable[int], points: Mapping[int, Point], *, with_neighbors: bool) -> None:
        """Find out of which kinds leaves are, given the points in them.

        Neighbours become mixed as well with ``with_neighbors``, which `come_back` does not undo.
        """
        for leaf in leaves:
            own, border = self.kind_of_leaf(leaf, points), False
            if own is not None:
                for other in self._neighbors(leaf):
                    if self.kind_of_leaf(other, points) == FAILED - own:
                        border = True
                        if with_neighbors:
                            self._set(other, MIXED)
            self._set(leaf, MIXED if border else own or FEASIBLE)

    def remove(self, box: int) -> None:
        """Forget a box that is no leaf any more."""
        self._queues.remove(box)

    def come_back(self, box: int) -> None:
        """Note that a box is a leaf again, as it was."""
        for half in (0, 1):
            self.remove(int(self._tree.count) + half)
        self._set(box, self._kinds.get(box, FEASIBLE))

    def start_over(self, leaves: Iterable[int], points: Mapping[int, Point]) -> None:
        """Rank all leaves, without points in flight."""
        self._queues.clear()
        self._risks.clear()
        self._kinds.clear()
        self.rank(leaves, points, with_neighbors=True)

    def next(self, feasible: LossQueue, pending: Mapping[int, Point]) -> tuple[int, int] | None:
        """The leaf to divide next, and the kind as which it is divided."""
        risk = sum(each for number, each in self._risks.items() if number in pending)
        n = int(self._tree.occupants[0]) + len(pending)
        return self._queues.next(feasible, n, len(self.points) + risk)

    def note_in_flight(self, number: int, kind: int) -> None:
        """Note that a point is in flight in a leaf of that kind."""
        if kind != FEASIBLE:
            self._risks[number] = RISKS[kind]

    def _set(self, leaf: int, kind: int) -> None:
        self._kinds[leaf] = kind
        self._queues.set(leaf, kind, float((self._tree.high[leaf] - self._tree.low[leaf]).max()))

    def _neighbors(self, leaf: int) -> Iterator[int]:
        """The leaves across the middles of the faces."""
        tree = self._tree
        low, high = tree.low[leaf].tolist(), tree.high[leaf].tolist()
        middle = [0.5 * (a + b) for a, b in zip(low, high, strict=True)]
        for axis in range(tree.dim):
            for place in (low[axis] - ACROSS, high[axis] + ACROSS):
                if 0 < place < 1:
                    yield tree.path((*middle[:axis], place, *middle[axis + 1 :]))[-1]
