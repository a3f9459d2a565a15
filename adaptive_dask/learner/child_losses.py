"""The losses of the children of a `BalancingLearner`, and whether they are done."""

from __future__ import annotations

import functools
from collections.abc import Sequence, Set
from typing import Any

from adaptive_dask.learner.child_queue import ChildQueue, Key
from adaptive_dask.learner.child_turns import key_of_loss


class ChildLosses:
    """The largest loss of all children, computed again only for children that changed.

    Parameters
    ----------
    learners : sequence of BaseLearner
    barren : set of int
        See `ChildTurns.barren`. As for a failed region in a learner, they have no loss if others have values.

    Attributes
    ----------
    know_done : bool
        True if every child has a method ``done``.
    """

    def __init__(self, learners: Sequence[Any], barren: Set[int]) -> None:
        self._learners = learners
        self._barren = barren
        self._losses, self._open_losses = (
            ChildQueue(len(learners), functools.partial(self._key, real)) for real in (True, False)
        )
        self.know_done = all(callable(getattr(child, "done", None)) for child in learners)
        self._done = {i for i, child in enumerate(learners) if self.know_done and child.done()}

    def told(self, i: int) -> None:
        """Record that child ``i`` was told results."""
        self._losses.touch(i)
        self._open_losses.touch(i)
        if self.know_done:
            (self._done.add if self._learners[i].done() else self._done.discard)(i)

    def pending_changed(self, i: int) -> None:
        """Record that the pending points of child ``i`` changed."""
        self._open_losses.touch(i)

    def largest(self, real: bool) -> float:
        """Return the largest loss or, with ``real=False``, the largest one expected with the pending points."""
        first = (self._losses if real else self._open_losses).first()
        assert first is not None
        return -float(first[1][1])

    def all_done(self) -> bool:
        """Return True if all children are done."""
        return len(self._done) == len(self._learners)

    def _key(self, real: bool, i: int) -> Key:
        return key_of_loss(i, self._learners[i].loss(real), self._barren)
