"""The protocol of partitions of a region, for learners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .failed_region import Flags
from .simplices import Floats

Point = tuple[float, ...]


class Proposal(Protocol):
    """The best point to evaluate next, and the loss of the piece of the region that it divides."""

    @property
    def point(self) -> Point: ...
    @property
    def gain(self) -> float: ...


class Partition(Protocol):
    """A region divided into pieces that have losses, with pending points.

    Coordinates are scaled, so that the region has size one along every axis. Pending points are identified by negative
    numbers.
    """

    def absorb(
        self, points: Sequence[Point], values: Floats, numbers: Sequence[int | None], failed: Flags | None = None
    ) -> None:
        """Add k evaluated points.

        Parameters
        ----------
        points : sequence of k tuples
        values : array, shape (k, vdim)
        numbers : sequence of k int or None
            The numbers of the points that were pending.
        failed : array of bool, shape (k,)
            True where the function has no value; the value is NaN.
        """

    def save(self) -> Any:
        """Return the state for `resume`: arrays and numbers, without the pending points."""

    def resume(self, saved: Any, points: Sequence[Point], values: Floats, failed: Flags | None = None) -> None:
        """Restore a saved state in a new partition; replaces `absorb` of these points."""

    def loss(self, real: bool) -> float:
        """Return the largest loss of a piece; with ``real=False``, including the division by pending points."""

    def propose(self) -> Any:
        """Return the best `Proposal`, or None if no piece can be divided."""

    def accept(self, proposal: Any, number: int) -> None:
        """Add a proposed point to the pending points."""

    def give_up(self, proposal: Any) -> None:
        """Exclude this piece from proposals until it changes."""

    def add_pending(self, points: Mapping[int, Point]) -> None:
        """Add any points of the region to the pending points, by their numbers."""

    def clear_pending(self) -> None:
        """Remove all pending points."""

    def snapshot(self) -> Any:
        """Return the pending points, for `restore` while no points are absorbed."""

    def restore(self, snapshot: Any) -> None:
        """Restore the pending points of a snapshot."""
