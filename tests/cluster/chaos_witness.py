"""Somebody who follows a run through a storm: no point may stay away, and nothing that was saved."""

from __future__ import annotations

import time
from typing import Any

# So long a point may be on its way (seconds): it may be with a worker that is paused, and then with one that is killed,
# may hang until it is given up, and the machine may be small.
OVERDUE = 25.0

# Points beyond the first that is missing are looked for so far.
_AHEAD = 3000


class Witness:
    """Looks at the run of a `SequenceLearner`, which asks for its points in order.

    Attributes
    ----------
    saved : set of int
        Points whose results were seen, and then said to be in the checkpoint.
    newest : int
        The last point that was seen.
    """

    def __init__(self) -> None:
        self.saved: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Another run goes on."""
        self.newest = 0
        self._first = 0  # that is missing
        self._since = time.monotonic()
        self._looked = 0.0
        self._seen: set[int] = set()
        self._count = 0

    def look(self, runner: Any, *, again: bool = False) -> None:
        """Look at a run; raises if a point was on its way for too long."""
        now = time.monotonic()
        if now - self._looked < 0.05 and not again:
            return
        self._looked = now
        data = runner.learner.data
        first = self._first
        while first in data:
            first += 1
        if first > self._first or not data:
            self._first, self._since = first, now
        assert now - self._since < OVERDUE, f"point {first} was on its way for {OVERDUE:.0f} s; {self.newest} was told"
        ahead = {i for i in range(first, first + _AHEAD) if i in data}
        self.newest = max(ahead, default=first - 1)
        self._note_saved(runner, ahead)

    def has_seen_all_until(self, newest: int) -> bool:
        return self._first > newest

    def _note_saved(self, runner: Any, ahead: set[int]) -> None:
        # What a client sees are the first results that the learner was told, and they are written in this order.
        if not self._seen:
            self._seen, self._count = ahead | set(range(self._first)), runner.learner.npoints
        info = runner.info()
        if info and info["npoints"] - info["checkpoint"]["unsaved"] >= self._count:
            self.saved |= self._seen
            self._seen = set()
