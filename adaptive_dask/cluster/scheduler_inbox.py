"""Results and failures of a run that wait for its learner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from adaptive_dask.run.pickling import PackedValue

# Results that wait longer than this time for a busy learner (seconds) are written to the checkpoint first.
ARRIVALS_TIMEOUT_S = 0.4


class Inbox:
    """Results, failures and lost points since the learner's last step; lives on the event loop.

    Parameters
    ----------
    note_arrivals : callable, optional
        Called with ids and packed values of results that wait for the learner.

    Attributes
    ----------
    outcomes : list of (ids, packed values)
    failures : list of (id, traceback, packed exception or None, worker, location of its log)
    lost : list of (ids, blamed ids)
    """

    def __init__(self, note_arrivals: Callable[[Sequence[int], Sequence[PackedValue]], None] | None) -> None:
        self.outcomes: list[tuple[Sequence[int], Sequence[PackedValue]]] = []
        self.failures: list[tuple[int, str, bytes | None, str, str]] = []
        self.lost: list[tuple[list[int], set[int]]] = []
        self._note_arrivals = note_arrivals
        self._noted = 0
        self._timer: asyncio.TimerHandle | None = None

    def add_outcomes(self, ids: Sequence[int], values: Sequence[PackedValue]) -> None:
        """Add results."""
        self.outcomes.append((ids, values))
        if self._timer is None and self._note_arrivals is not None:
            self._timer = asyncio.get_running_loop().call_later(ARRIVALS_TIMEOUT_S, self._note)

    @property
    def has_outcomes(self) -> bool:
        return bool(self.outcomes or self.failures)

    def close(self) -> None:
        """Stop the timer when the learner is told."""
        if self._timer is not None:
            self._timer.cancel()

    def _note(self) -> None:
        assert self._note_arrivals is not None
        self._timer = None
        for ids, values in self.outcomes[self._noted :]:
            self._note_arrivals(ids, values)
        self._noted = len(self.outcomes)
