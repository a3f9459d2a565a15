"""Journal: the record of a session from which another session can continue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Journal(Protocol):
    """Records the events of a `Session`; called from one thread at a time. No method may raise an error."""

    def asked(self, first: int, points: Sequence[Any]) -> None:
        """Record that the learner was asked for points; their ids are consecutive from `first`."""

    def told(self, ids: Sequence[int], points: Sequence[Any], values: Sequence[Any]) -> None:
        """Record that the learner was told values; `ids` is empty if it was not asked for the points."""

    def held(self, ids: Sequence[int], values: Sequence[Any]) -> None:
        """Record values that the learner is told later."""

    def dropped(self, ids: Iterable[int]) -> None:
        """Record that points were given up."""
