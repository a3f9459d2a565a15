"""The history of a run in bounded memory, for clients and pages that join later."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# A new entry of the loss is kept if points or time have grown by this share: 230 entries per decade, for logarithmic
# axes. Of a constant loss, the first and the last entry are kept.
GROWTH = 0.01
MAX_LOSSES = 8192

# The approximate number of losses that a client gets when it joins a run.
FEW_LOSSES = 100

# The initial interval of entries of the work (seconds), which is doubled whenever there are too many.
MIN_SPACING_S = 0.5
MAX_WORK_ENTRIES = 512

# The pace is measured over this time (seconds).
PACE_WINDOW_S = 10.0

# Durations are counted in steps of a factor √2, from 1 µs to 36 h.
SHORTEST, LONGEST = -20, 17
EDGES = tuple(2.0 ** (step / 2) for step in range(2 * SHORTEST, 2 * LONGEST + 1))
_EDGES = np.array(EDGES)

# This number of durations is counted at once, because counting them one by one takes more than twice as long.
MAX_UNCOUNTED = 256

# If there are more workers than this, the half of them with the fewest evaluations are counted together.
MAX_WORKERS = 256
OTHERS = "others"


class Loss(NamedTuple):
    """The loss at one time; ``seconds`` since the start."""

    seconds: float
    npoints: int
    loss: float


class Work(NamedTuple):
    """The work done from the start up to one time."""

    seconds: float
    evaluated: int
    learner_seconds: float
    function_seconds: float


def _has_grown(last: Loss, entry: Loss) -> bool:
    return entry.npoints > last.npoints * (1 + GROWTH) or entry.seconds > last.seconds * (1 + GROWTH)


@dataclass
class WorkerCount:
    """The evaluations of one worker."""

    evaluated: int = 0
    failures: int = 0
    seconds: float = 0.0


class ProgressHistory:
    """The history of one run; lives on the scheduler's event loop.

    Attributes
    ----------
    losses : list of Loss
        Entries are only appended.
    work : list of Work
        Reduced to every second entry from time to time; `thinned` counts the reductions.
    evaluated : int
        Evaluations so far, including those that failed.
    function_seconds : float
        The total duration of these evaluations, in seconds.
    workers : dict of str to WorkerCount
        By address.
    """

    def __init__(self) -> None:
        self.begin()
        self.losses: list[Loss] = []
        self.work: list[Work] = []
        self.thinned = 0
        self.evaluated = 0
        self.function_seconds = 0.0
        self._durations = np.zeros(len(EDGES) - 1, int)
        self._uncounted: list[float] = []
        self.workers: dict[str, WorkerCount] = {}
        self._before: Loss | None = None  # the newest entry, even if it was not kept
        self._spacing = MIN_SPACING_S
        self._present: deque[Work] = deque()

    @property
    def durations(self) -> list[int]:
        """The number of evaluations with durations between two of the `EDGES`."""
        self._count()
        counts: list[int] = self._durations.tolist()
        return counts

    def begin(self) -> None:
        """Set the start of the run to now."""
        self._began = time.monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the start of the run."""
        return time.monotonic() - self._began

    def note_loss(self, npoints: int, loss: float, *, is_last: bool = False) -> None:
        """Record the loss after a step of the learner, or at the end of the run."""
        entry = Loss(self.elapsed(), npoints, loss)
        if not self.losses:
            self.losses.append(entry)
            return
        last, before = self.losses[-1], self._before
        self._before = entry
        has_changed = loss != last.loss
        if is_last:
            if has_changed or _has_grown(last, entry):
                self.losses.append(entry)
        elif has_changed and _has_grown(last, entry) and len(self.losses) < MAX_LOSSES:
            if before is not None and before.loss == last.loss and _has_grown(last, before):
                self.losses.append(before)
            self.losses.append(entry)

    def some_losses(self) -> list[Loss]:
        """Return a few of the losses, for a small curve."""
        step = len(self.losses) // FEW_LOSSES + 1
        return [*self.losses[:-1:step], *self.losses[-1:]]

    def note_work(self, learner_seconds: float, *, is_last: bool = False) -> None:
        """Record the work so far, before results are counted or at the end of the run."""
        now = self.elapsed()
        if self._present and now < self._present[-1].seconds + MIN_SPACING_S and not is_last:
            return
        work = Work(now, self.evaluated, learner_seconds, self.function_seconds)
        self._present.append(work)
        while len(self._present) > 1 and self._present[1].seconds < now - PACE_WINDOW_S:
            self._present.popleft()
        if not self.work or is_last or now >= self.work[-1].seconds + self._spacing:
            self.work.append(work)
        if len(self.work) > MAX_WORK_ENTRIES:
            del self.work[1::2]
            self._spacing *= 2
            self.thinned += 1

    def note_evaluations(
        self, worker: str, durations: Sequence[float], failures: int, seconds_of_failures: float
    ) -> None:
        """Count evaluations of a worker; durations in seconds."""
        self.evaluated += len(durations) + failures
        self.function_seconds += sum(durations) + seconds_of_failures
        self._uncounted += map(float, durations)
        if len(self._uncounted) >= MAX_UNCOUNTED:
            self._count()
        count = self.workers.get(worker)
        if count is None:
            self._make_room()
            count = self.workers[worker] = WorkerCount()
        count.evaluated += len(durations)
        count.failures += failures
        count.seconds += sum(durations) + seconds_of_failures

    def note_infeasible(self, workers: Iterable[str]) -> None:
        """Count an evaluation of each of these workers as one that did not fail; see `Infeasible`."""
        for worker in workers:
            count = self.workers.get(worker) or self.workers.get(OTHERS)
            if count is not None and count.failures:
                count.failures -= 1
                count.evaluated += 1

    def points_per_second(self) -> float:
        """Return the present pace."""
        while len(self._present) > 1 and self._present[1].seconds < self.elapsed() - PACE_WINDOW_S:
            self._present.popleft()
        if not self._present:
            return 0.0
        since = self._present[0]
        return (self.evaluated - since.evaluated) / max(self.elapsed() - since.seconds, MIN_SPACING_S)

    def _count(self) -> None:
        steps = np.searchsorted(_EDGES, self._uncounted, side="right") - 1
        last = len(EDGES) - 2
        self._durations += np.bincount(np.clip(steps, 0, last), minlength=last + 1)
        self._uncounted.clear()

    def _make_room(self) -> None:
        """Count the half of the workers with the fewest evaluations together, if there are too many.

        Merging one at a time would visit all of them for almost every report.
        """
        if len(self.workers) <= MAX_WORKERS:
            return
        others = self.workers.pop(OTHERS, WorkerCount())
        least = heapq.nsmallest(MAX_WORKERS // 2, self.workers, key=lambda worker: self.workers[worker].evaluated)
        for gone in map(self.workers.pop, least):
            others.evaluated += gone.evaluated
            others.failures += gone.failures
            others.seconds += gone.seconds
        self.workers[OTHERS] = others
