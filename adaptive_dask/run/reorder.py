"""Reorder outcomes, so that they are told in the order in which their points were asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping

from adaptive_dask.run.failures import Failure, Point
from adaptive_dask.run.journal import Journal
from adaptive_dask.run.points import OpenPoints, Outcomes


class OrderedPoints(OpenPoints):
    """Open points whose outcomes are held until those of all earlier points are known.

    Parameters
    ----------
    width : int
        Number of places. A point has a place from `ask` until its outcome is told.
    journal : Journal, optional
        Records outcomes that are held.
    """

    def __init__(self, width: int, journal: Journal | None) -> None:
        super().__init__()
        self._width = width
        self._journal = journal
        self._places: deque[int] = deque()  # oldest first

    def missing(self, n: int) -> int:
        """Return the number of free places; `n` has no effect."""
        return self._width - len(self._places)

    @property
    def reserved(self) -> int:
        """Number of occupied places; a point that failed keeps its place until it is due."""
        return len(self._places)

    def restore(self, points: Mapping[int, Point]) -> None:
        """Add points with given ids, in ascending order."""
        super().restore(points)
        self._places.extend(points)

    def due(self, outcomes: Outcomes, is_done: Callable[[], bool]) -> Iterator[tuple[Outcomes, int]]:
        """Yield outcomes to tell together and, with each batch, the number of points to ask for afterwards."""
        for pid, y in outcomes:
            if pid in self.unresolved and pid not in self.held:
                self.waiting.pop(pid, None)
                self.held[pid] = y
                if self._journal is not None and type(y) is not Failure:
                    self._journal.held([pid], [y])
        while self._places and not is_done():
            pid = self._places[0]
            if pid in self.held:
                yield [(pid, self.held.pop(pid))], 0
            if pid in self.unresolved:  # no outcome yet, or a retry
                return
            self._places.popleft()
            # One point at a time, so that the calls to `ask` do not depend on timing.
            yield (), self.missing(0)
