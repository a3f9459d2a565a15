"""Boxes with points where a function has no value, and their neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adaptive_dask.learner.loss_queue import LossQueue

from .box_tree import BoxTree
from .failed_region import FAILED, FEASIBLE, MIXED, RISKS, FailureQueues
from .partition import Point

# Points of two boxes may be further apart than the boxes are long.
PART_OF_TOLERANCE = 0.6


class FailedBoxes:
    """The mixed and failed leaves of a tree of boxes, and the next one to divide.

    A leaf is mixed if the function has a value at its point and none at that of a neighbour, or vice versa. It is
    divided at its longest side, while this is longer than a share of the tolerance.

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
        self._kinds: dict[int, int] = {}  # includes boxes that are not leaves while points are pending

    def kind_of_leaf(self, leaf: int, points: Mapping[int, Point]) -> int | None:
        """Return `FEASIBLE` or `FAILED` for the point of a leaf; None if it is pending, or there is none."""
        if leaf not in points or not self._tree.occupants[leaf]:
            return None
        return FAILED if points[leaf] in self.points else FEASIBLE

    def rank(self, leaves: Iterable[int], points: Mapping[int, Point], *, with_neighbors: bool) -> None:
        """Determine the kinds of leaves from their points.

        With ``with_neighbors``, neighbours become mixed as well, which `come_back` does not undo.
        """
        for leaf in leaves:
            own, border = self.kind_of_leaf(leaf, points), False
            if own is not None:
                for other in self._tree.neighbors(leaf):
                    if self.kind_of_leaf(other, points) == FAILED - own:
                        border = True
                        if with_neighbors:
                            self._set(other, MIXED)
            self._set(leaf, MIXED if border else own or FEASIBLE)

    def remove(self, box: int) -> None:
        """Remove a box that is not a leaf any more."""
        self._queues.remove(box)

    def come_back(self, box: int) -> None:
        """Record that a box is a leaf again, with its former kind."""
        for half in (0, 1):
            self.remove(int(self._tree.count) + half)
        self._set(box, self._kinds.get(box, FEASIBLE))

    def start_over(self, leaves: Iterable[int], points: Mapping[int, Point]) -> None:
        """Rank all leaves, without pending points."""
        self._queues.clear()
        self._risks.clear()
        self._kinds.clear()
        self.rank(leaves, points, with_neighbors=True)

    def next(self, feasible: LossQueue, pending: Mapping[int, Point]) -> tuple[int, int] | None:
        """Return the next leaf to divide, and its kind."""
        risk = sum(each for number, each in self._risks.items() if number in pending)
        n = int(self._tree.occupants[0]) + len(pending)
        return self._queues.next(feasible, n, len(self.points) + risk)

    def note_in_flight(self, number: int, kind: int) -> None:
        """Record that a point is pending in a leaf of this kind."""
        if kind != FEASIBLE:
            self._risks[number] = RISKS[kind]

    def _set(self, leaf: int, kind: int) -> None:
        self._kinds[leaf] = kind
        self._queues.set(leaf, kind, float((self._tree.high[leaf] - self._tree.low[leaf]).max()))
