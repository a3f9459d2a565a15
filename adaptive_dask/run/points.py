"""The points of a run between `ask` and `tell`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from adaptive_dask.plain import short_repr
from adaptive_dask.run.failures import Point
from adaptive_dask.user_code import reraise_interrupt

Outcomes = Iterable[tuple[int, Any]]


class OpenPoints:
    """Points, by id, that the learner was asked for and that have no final outcome.

    Outcomes are told as they arrive; see `OrderedPoints` for the alternative.

    Attributes
    ----------
    unresolved : dict of int to point
        All open points.
    waiting : OrderedDict
        The ids of the points to take, in this order.
    held : mapping of int to outcome
        Outcomes that wait until they are due.
    losses : dict of int to int
        Number of losses for which each point was blamed.
    next_id : int
    """

    def __init__(self) -> None:
        self.unresolved: dict[int, Point] = {}
        self.waiting: OrderedDict[int, None] = OrderedDict()
        self.held: dict[int, Any] = {}
        self.losses: dict[int, int] = {}
        self.next_id = 0

    # ---- asked for and taken

    def missing(self, n: int) -> int:
        """Return the number of points to ask the learner for before `n` points can be taken."""
        return n - len(self.waiting)

    @property
    def reserved(self) -> int:
        """Number of open points that count towards a goal in points."""
        return len(self.unresolved)

    def add(self, points: Sequence[Point]) -> int:
        """Add new points; return the id of the first one."""
        first = self.next_id
        self.restore(dict(enumerate(points, first)))
        return first

    def restore(self, points: Mapping[int, Point]) -> None:
        """Add points with given ids, in ascending order."""
        self.unresolved.update(points)
        self.waiting.update(dict.fromkeys(points))
        self.next_id = max(points, default=self.next_id - 1) + 1

    def take(self, n: int) -> list[tuple[int, Point]]:
        """Take up to `n` waiting points, oldest first."""
        taken: list[tuple[int, Point]] = []
        while self.waiting and len(taken) < n:
            pid, _ = self.waiting.popitem(last=False)
            taken.append((pid, self.unresolved[pid]))
        return taken

    def return_(self, ids: Sequence[int]) -> None:
        """Put points at the front of the queue."""
        for pid in reversed(ids):
            self.waiting[pid] = None
            self.waiting.move_to_end(pid, last=False)

    def retry(self, pid: int, point: Point) -> None:
        """Put a failed point at the end of the queue."""
        self.unresolved[pid] = point
        self.waiting[pid] = None

    # ---- outcomes

    def due(self, outcomes: Outcomes, is_done: Callable[[], bool]) -> Iterator[tuple[Outcomes, int]]:
        """Yield outcomes to tell together and, with each batch, the number of points to ask for afterwards."""
        yield outcomes, 0

    def resolve(self, pid: int) -> Point:
        """Remove a point that has an outcome, and return it."""
        self.waiting.pop(pid, None)
        return self.unresolved.pop(pid)

    def drop(self, ids: Iterable[int], points: Sequence[Point]) -> list[tuple[int, Point]]:
        """Remove points that have no outcome, by id or by value."""
        by_value = [pid for pid, x in self.unresolved.items() if any(_same(x, point) for point in points)]
        dropped = []
        for pid in dict.fromkeys([*ids, *by_value]):
            if pid in self.unresolved and pid not in self.held:
                dropped.append((pid, self.resolve(pid)))
                self.losses.pop(pid, None)
        return dropped

    def clear(self) -> None:
        """Remove all points that have no outcome."""
        self.unresolved.clear()
        self.waiting.clear()

    # ---- for any thread

    @property
    def in_flight(self) -> dict[int, Point]:
        """The points that were taken and have no outcome yet."""
        return {pid: x for pid, x in self.unresolved.items() if self.is_in_flight(pid)}

    def is_in_flight(self, pid: int) -> bool:
        """Return True if a point was taken and has no outcome yet."""
        return pid in self.unresolved and pid not in self.waiting and pid not in self.held

    def describe(self, ids: Iterable[int]) -> list[str]:
        """Return texts for the points that have no outcome."""
        return [short_repr(self.unresolved[pid]) for pid in ids if pid in self.unresolved]


def _same(point: Any, given: Any) -> bool:
    try:
        if isinstance(point, tuple) and not isinstance(given, str):  # may be given as a list or an array
            return len(point) == len(given) and all(map(_same, point, given))
        return bool(point == given)
    except BaseException as error:  # points that are arrays can be given only by id
        reraise_interrupt(error)
        return False
