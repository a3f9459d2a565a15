"""How long the workers of a run will be there, and whether a point is expected to be finished by then."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

# Points that seem to need more than this share of the longest lifetime are begun on workers that have so much of it
# left: a point that may be too long for every worker must get the best chance there is, and not wait for ever.
FRESH_SHARE = 0.8

# The scheduler compares what a worker has left with so many times what the worker itself compares it with, or a
# point that was sent in the last moment would come back and be sent again.
MARGIN = 1.1

# A worker that goes so many seconds before the end of its lifetime, or later, went because of it.
OVERDUE_S = 1.0


class Lifetimes:
    """The ends of workers' lifetimes, on the scheduler's monotonic clock.

    Attributes
    ----------
    expected : float
        How long a point is expected to take, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.expected = 0.0
        self._clock = clock
        self._workers: dict[str, tuple[float, float]] = {}  # those that do not stay: the total, and the end
        self._others: set[str] = set()
        self._cut_off: set[int] = set()
        self._longest = math.inf

    def __bool__(self) -> bool:
        """Whether there is anything to heed."""
        return bool(self._workers)

    def note(self, worker: str, lifetime: tuple[float, float] | None) -> None:
        """A worker says for how long it is there, in all and from now on; None when it stays."""
        is_new = worker not in self._workers and worker not in self._others
        if lifetime is None:
            self._others.add(worker)
        else:
            self._workers[worker] = (lifetime[0], self._clock() + lifetime[1])
        if is_new:
            self._find_longest()

    def forget(self, worker: str) -> None:
        """A worker has nothing of the run any more."""
        self._workers.pop(worker, None)
        self._others.discard(worker)
        self._find_longest()

    def cut_off(self, ids: Iterable[int]) -> None:
        """Points were under way when the lifetime of their worker was over."""
        self._cut_off.update(ids)

    def was_cut_off(self, pid: int) -> bool:
        """Whether a point was under way when the lifetime of a worker was over."""
        return pid in self._cut_off

    def is_over(self, worker: str) -> bool:
        """Whether a worker that goes now does so because its lifetime is over."""
        return self._left(worker) <= OVERDUE_S

    @property
    def longest_need(self) -> float:
        """What a worker has to have left for a point that may take for ever."""
        return FRESH_SHARE * self._longest

    @property
    def need(self) -> float:
        """What a worker has to have left, in seconds, for a point of which nothing is known."""
        return min(self.expected, self.longest_need)

    def allow(self, worker: str, need: float) -> bool:
        """Whether a worker has so much left."""
        return self._left(worker) >= MARGIN * need

    def _find_longest(self) -> None:
        totals = [total for total, _ in self._workers.values()]
        self._longest = max(totals) if totals and not self._others else math.inf

    def _left(self, worker: str) -> float:
        known = self._workers.get(worker)
        return math.inf if known is None else known[1] - self._clock()
