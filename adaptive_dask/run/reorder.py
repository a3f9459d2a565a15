"""Outcomes in the order in which their points were asked for."""

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
        How many points to have asked for at any time. A point keeps its place until it is due.
    journal : Journal, optional
        Told of outcomes that are held.
    """

    def __init__(self, width: int, journal: Journal | None) -> None:
        super().__init__()
        self._width = width
        self._journal = journal
        self._places: deque[int] = deque()  # the points that have one, oldest first

    def missing(self, n: int) -> int:
        """How many places are free, however many points are to be taken."""
        return self._width - len(self._places)

    @property
    def reserved(self) -> int:
        """How many places are taken: a point that failed early has its own until it is due, whenever that is."""
        return len(self._places)

    def restore(self, points: Mapping[int, Point]) -> None:
        """Add points that have ids already, each higher than those before."""
        super().restore(points)
        self._places.extend(points)

    def due(self, outcomes: Outcomes, is_done: Callable[[], bool]) -> Iterator[tuple[Outcomes, int]]:
        """Outcomes to tell together; after each batch, how many points to ask for."""
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
            if pid in self.unresolved:  # no outcome yet, or it is tried again and keeps its place
                return
            self._places.popleft()
            # Place by place, so that the learner is asked the same at whatever pace the places get free.
            yield (), self.missing(0)
