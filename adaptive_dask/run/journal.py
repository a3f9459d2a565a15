"""What a run tells of itself, so that another can go on where it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Journal(Protocol):
    """Told of all that matters in a `Session`, from one thread at a time; nothing of it may raise."""

    def asked(self, first: int, points: Sequence[Any]) -> None:
        """The learner was asked for points, whose ids are `first` and those that follow."""

    def told(self, ids: Sequence[int], points: Sequence[Any], values: Sequence[Any]) -> None:
        """The learner was told values at points; the ids are those that were asked for, or none."""

    def held(self, ids: Sequence[int], values: Sequence[Any]) -> None:
        """Values arrived, of which the learner is told later."""

    def dropped(self, ids: Iterable[int]) -> None:
        """Points that were asked for are not wanted any more."""
