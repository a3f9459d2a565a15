"""The choice of the child of a `BalancingLearner` that gets the next point."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Literal, NamedTuple

from adaptive_dask.learner.child_queue import ChildQueue, Key
from adaptive_dask.learner.geometry.failed_region import FailureShare
from adaptive_dask.learner.losses.checked_loss import checked_loss
from adaptive_dask.learner.sequence_learner import by_position

Strategy = Literal["loss_improvements", "loss", "npoints", "cycle"] | Callable[[Any], float]
NAMES = ("loss_improvements", "loss", "npoints", "cycle")

# Every child has at least this share of the mean number of points.
FAIR_SHARE = 0.1

# A child may be barren if it has as many points as a box of its dimensions, up to this number, has corners.
MOST_DIMENSIONS = 4


class ChildState(NamedTuple):
    """The pending points of a child, and its last turn."""

    pending: list[Any]
    last_turn: int


class ChildTurns:
    """Chooses the child that gets the next point, and the point.

    Parameters
    ----------
    learners : sequence of BaseLearner
    strategy : str or callable

    Attributes
    ----------
    npoints, total : int
        The number of points of all children: evaluated ones, and including pending ones.
    barren : set of int
        The children of which every point is infeasible, if these are several. Their losses depend only on the sizes of
        their pieces, so with the strategies that compare losses, they get no points beside those that explore and their
        fair share.
    """

    def __init__(self, learners: Sequence[Any], strategy: Strategy) -> None:
        if not callable(strategy) and strategy not in NAMES:
            names = ", ".join(f'"{name}"' for name in NAMES)
            raise ValueError(f"strategy must be {names} or a function of a learner, got {strategy!r}.")
        self._learners = learners
        self._known = list(learners)
        self._queue = ChildQueue(len(learners), self._key_function(strategy))
        self.barren = {i for i, child in enumerate(learners) if _is_barren(child)}
        self._barren_queue = ChildQueue(len(learners), self._barren_key)
        self._compares_losses = strategy in NAMES[:2]
        self._share = FailureShare(1)  # of all children together, which have no dimension
        self._proposals: dict[int, tuple[Any, float]] = {}
        self._idle: dict[int, Exception | None] = {}  # children without a point to propose, and their errors
        self._npoints = [int(child.npoints) for child in learners]
        self._totals = [self._npoints[i] + len(child.pending_points) for i, child in enumerate(learners)]
        self.npoints, self.total = sum(self._npoints), sum(self._totals)
        self._last_turns = [0] * len(learners)
        self._turn = 0
        self._floor = 0
        self._behind: list[int] = []
        self._enough = 0
        self._short: list[int] = []

    def next(self) -> tuple[int, Any, float] | None:
        """Return the index of the next child, its point, and the expected improvement of its loss."""
        while True:
            i = self._first_behind()
            if i is None:
                first = None
                if self._compares_losses and self._share.explores(self.total):
                    first = self._barren_queue.first()
                if first is None:
                    first = self._queue.first()
                if first is None:
                    return None
                i = first[0]
            proposal = self._propose(i)
            if proposal is not None:
                return i, *proposal

    def is_current(self) -> bool:
        """Return True if no child was added, removed, replaced, or told results directly, since the last check."""
        known = self._known
        is_same = len(known) == len(self._learners) and all(map(operator.is_, known, self._learners))
        return is_same and [child.npoints for child in known] == self._npoints

    def took(self, i: int) -> None:
        """Count a turn of a child."""
        self._turn += 1
        self._last_turns[i] = self._turn

    def state(self, i: int) -> ChildState:
        """Return the state that `take_back` needs to undo later turns of child ``i``."""
        return ChildState(_in_flight(self._learners[i]), self._last_turns[i])

    def take_back(self, before: Mapping[int, ChildState]) -> None:
        """Restore the earlier pending points and turns of children."""
        for i, (points, turn) in before.items():
            self._learners[i].remove_unfinished()
            for x in points:
                self._learners[i].tell_pending(x)
            self._last_turns[i] = turn
            self.got_free(i)
        if before:
            self._turn = max(self._last_turns)

    def told(self, i: int) -> None:
        """Record that a child was told results."""
        npoints = int(self._learners[i].npoints)
        if i in self.barren or self._npoints[i] < 2**MOST_DIMENSIONS:  # otherwise it has a value
            (self.barren.add if _is_barren(self._learners[i]) else self.barren.discard)(i)
        self.npoints += npoints - self._npoints[i]
        self._npoints[i] = npoints
        self._idle.pop(i, None)
        self.changed(i)

    def got_free(self, i: int) -> None:
        """Record that the pending points of a child were removed."""
        self._floor = 0
        self._idle.pop(i, None)
        self.changed(i)

    def changed(self, i: int) -> None:
        """Record that the pending points of a child have changed."""
        total = self._npoints[i] + len(self._learners[i].pending_points)
        self.total += total - self._totals[i]
        self._totals[i] = total
        self._proposals.pop(i, None)
        self._queue.touch(i)
        self._barren_queue.touch(i)

    def has_pending(self, i: int) -> bool:
        """Return True if a child has pending points."""
        return self._totals[i] > self._npoints[i]

    def each_has(self, npoints: int) -> bool:
        """Return True if each child has at least this number of points, or none pending and none to propose.

        Repeated calls with the same number check each child only until it has enough points.
        """
        if npoints != self._enough:
            self._enough = npoints
            self._short = [i for i, known in enumerate(self._npoints) if known < npoints]
        while self._short:
            i = self._short[-1]
            if self._npoints[i] < npoints and (self.has_pending(i) or self._propose(i) is not None):
                return False
            self._short.pop()
        return True

    def error(self) -> Exception | None:
        """Return an error that a child raised in `ask`, if any."""
        return next((error for error in self._idle.values() if error is not None), None)

    # ---- internal

    def _key_function(self, strategy: Strategy) -> Callable[[int], Key | None]:
        """Return the key of children for a strategy: the smallest is next, then the fewest points, then the index."""
        learners = self._learners

        def by_loss_improvement(i: int) -> Key | None:
            proposal = self._propose(i)
            return None if proposal is None else (*key_of_loss(i, proposal[1], self.barren), self._totals[i])

        def by_loss(i: int) -> Key | None:
            if i in self._idle:
                return None
            return *key_of_loss(i, learners[i].loss(real=False), self.barren), self._totals[i]

        def by_npoints(i: int) -> Key | None:
            return None if i in self._idle else (self._totals[i],)

        def by_turn(i: int) -> Key | None:
            return None if i in self._idle else (self._last_turns[i],)

        if not callable(strategy):
            return (by_loss_improvement, by_loss, by_npoints, by_turn)[NAMES.index(strategy)]
        priority = strategy

        def by_function(i: int) -> Key | None:
            if i in self._idle:
                return None
            return -checked_loss(priority(learners[i]), f"learner {i}, from the strategy,"), self._totals[i]

        return by_function

    def _barren_key(self, i: int) -> Key | None:
        return (self._totals[i],) if i in self.barren and i not in self._idle else None

    def _propose(self, i: int) -> tuple[Any, float] | None:
        """Return the next point of a child and its improvement, or None if it has none at the moment."""
        if i in self._proposals:
            return self._proposals[i]
        if i in self._idle:
            return None
        child, error = self._learners[i], None
        if not _is_done(child):
            try:
                points, improvements = child.ask(1, tell_pending=False)
            except Exception as raised:  # other children continue
                error = raised
            else:
                if len(points):
                    self._proposals[i] = points[0], improvements[0]
                    return self._proposals[i]
        self._idle[i] = error
        self._queue.touch(i)
        self._barren_queue.touch(i)
        return None

    def _first_behind(self) -> int | None:
        """Return a child with too few points, which must be next."""
        floor = int(FAIR_SHARE * self.total / len(self._learners))
        if floor > self._floor:
            # Numbers of points only grow, so all children are rarely checked.
            self._floor = floor
            self._behind = [i for i, total in enumerate(self._totals) if total < floor]
        while self._behind:
            i = self._behind[-1]
            if self._totals[i] < self._floor and self._propose(i) is not None:
                return i
            self._behind.pop()
        return None


def _is_done(child: Any) -> bool:
    done = getattr(child, "done", None)
    return callable(done) and bool(done())


def key_of_loss(i: int, loss: float, barren: Set[int]) -> Key:
    """Return a key of a child: the largest loss is first, but those of barren children last.

    NaN, an unknown loss, counts as infinite.
    """
    return i in barren, -math.inf if math.isnan(loss) else -float(loss)


def _is_barren(child: Any) -> bool:
    known = int(child.npoints)
    infeasible: Any = getattr(child, "infeasible", None)
    if (
        not isinstance(infeasible, Mapping) or len(infeasible) != known
    ):  # a learner of the user may have another meaning
        return False
    enough: int = 2 ** min(int(getattr(child, "ndim", 1)), MOST_DIMENSIONS)
    return known >= enough


def _in_flight(child: Any) -> list[Any]:
    """Return the pending points of a learner, as its ``tell_pending`` takes them."""
    pending = list(child.pending_points)
    # A SequenceLearner stores only the indices.
    sequence = by_position(getattr(child, "sequence", None))
    return pending if sequence is None else [(i, sequence[i]) for i in pending]


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
