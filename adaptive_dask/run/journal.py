"""Journal: what a session records, so that another session can continue it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Journal(Protocol):
    """Records the events of a `Session`; called from one thread at a time. No method may raise an error."""

    def asked(self, first: int, points: Sequence[Any]) -> None:
        """The learner was asked for points, whose ids are `first` and the following numbers."""

    def told(self, ids: Sequence[int], points: Sequence[Any], values: Sequence[Any]) -> None:
        """The learner was told values at points; `ids` is empty if it was not asked for them."""

    def held(self, ids: Sequence[int], values: Sequence[Any]) -> None:
        """Values arrived that the learner is told later."""

    def dropped(self, ids: Iterable[int]) -> None:
        """Points that the learner was asked for were given up."""
