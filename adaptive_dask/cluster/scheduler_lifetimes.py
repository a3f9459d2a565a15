"""The lifetimes of the workers of a run, which must suffice for a point."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

# Points that seem to need more than this share of the longest lifetime are started on workers with this share left.
# Otherwise, a point that may be too long for every worker would wait forever.
FRESH_SHARE = 0.8

# The scheduler requires more remaining time than the worker, by this factor. Otherwise, the worker would return points
# that are sent at the last moment.
MARGIN = 1.1

# A worker left because of its lifetime if it leaves at most this time before the end (seconds).
OVERDUE_S = 1.0


class Lifetimes:
    """The ends of workers' lifetimes, on the scheduler's monotonic clock.

    Attributes
    ----------
    expected : float
        The expected duration of a point, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.expected = 0.0
        self._clock = clock
        self._workers: dict[str, tuple[float, float]] = {}  # total and end, for workers with a lifetime
        self._others: set[str] = set()
        self._cut_off: set[int] = set()
        self._longest = math.inf

    def __bool__(self) -> bool:
        """Return True if workers have lifetimes."""
        return bool(self._workers)

    @property
    def matter(self) -> bool:
        """True if a point may have to wait for a worker with a longer lifetime."""
        return bool(self._workers or self._cut_off)

    def note(self, worker: str, lifetime: tuple[float, float] | None) -> None:
        """Record the lifetime of a worker: the total and the rest; None if it has none."""
        is_new = worker not in self._workers and worker not in self._others
        if lifetime is None:
            self._others.add(worker)
        else:
            self._workers[worker] = (lifetime[0], self._clock() + lifetime[1])
        if is_new:
            self._find_longest()

    def forget(self, worker: str) -> None:
        """Forget a worker that has no evaluators and no points."""
        self._workers.pop(worker, None)
        self._others.discard(worker)
        self._find_longest()

    def cut_off(self, ids: Iterable[int]) -> None:
        """Record points that were being evaluated when the lifetime of their worker ended."""
        self._cut_off.update(ids)

    def was_cut_off(self, pid: int) -> bool:
        """Return whether a point was being evaluated when the lifetime of a worker ended."""
        return pid in self._cut_off

    def is_over(self, worker: str) -> bool:
        """Return whether a worker that leaves now does so because of its lifetime."""
        return self._left(worker) <= OVERDUE_S

    @property
    def longest_need(self) -> float:
        """The time that a worker must have left for a point that may be too long for every worker (seconds)."""
        return FRESH_SHARE * self._longest

    @property
    def need(self) -> float:
        """The time that a worker must have left for a point of unknown duration (seconds)."""
        return min(self.expected, self.longest_need)

    def allow(self, worker: str, need: float) -> bool:
        """Return whether a worker has `need` seconds left."""
        return self._left(worker) >= MARGIN * need

    def _find_longest(self) -> None:
        totals = [total for total, _ in self._workers.values()]
        self._longest = max(totals) if totals and not self._others else math.inf

    def _left(self, worker: str) -> float:
        known = self._workers.get(worker)
        return math.inf if known is None else known[1] - self._clock()
