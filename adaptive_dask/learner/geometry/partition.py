"""What a learner over a region of space needs from the way in which the region is divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .failed_region import Flags
from .simplices import Floats

Point = tuple[float, ...]


class Proposal(Protocol):
    """A point that would be best to evaluate next, and the loss of the piece of space that it divides."""

    @property
    def point(self) -> Point: ...
    @property
    def gain(self) -> float: ...


class Partition(Protocol):
    """A region divided into pieces that have losses, with points in flight.

    Coordinates are scaled, so that the region has size one along every axis. Points in flight are known by
    negative numbers.
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
            The numbers of those that were in flight.
        failed : array of bool, shape (k,)
            Those where the function has no value; their values are not numbers.
        """

    def save(self) -> Any:
        """What `resume` needs to make an equal partition; arrays and numbers, without the points in flight."""

    def resume(self, saved: Any, points: Sequence[Point], values: Floats, failed: Flags | None = None) -> None:
        """Become, from a new partition, what one was that had absorbed these points; in place of `absorb`."""

    def loss(self, real: bool) -> float:
        """The largest loss of a piece; with ``real=False``, of what the points in flight make of the pieces."""

    def propose(self) -> Any:
        """The best `Proposal`, or None if nothing is left that could be divided."""

    def accept(self, proposal: Any, number: int) -> None:
        """Put a proposed point in flight."""

    def give_up(self, proposal: Any) -> None:
        """Do not propose this piece again as it is."""

    def add_pending(self, points: Mapping[int, Point]) -> None:
        """Put any points of the region in flight, by their numbers."""

    def clear_pending(self) -> None:
        """Forget all points in flight."""

    def snapshot(self) -> Any:
        """The points in flight, to go back to with `restore` while nothing is absorbed."""

    def restore(self, snapshot: Any) -> None:
        """Go back to the points in flight of a snapshot."""
