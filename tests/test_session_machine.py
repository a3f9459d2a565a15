"""Any interleaving of calls: no point is told twice, none is forgotten, and the goal is met exactly."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adaptive_dask.errors import WorkerLostError
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session

from .fakes import StrictLearner


class AnyInterleaving(RuleBasedStateMachine):
    """Calls a session in any order, also with ids that it does not expect any more."""

    @initialize(
        npoints=st.none() | st.integers(0, 25),
        supply=st.none() | st.integers(0, 30),
        retries=st.integers(0, 2),
        allowed=st.integers(0, 2),
        ordered=st.none() | st.integers(1, 4),
    )
    def begin(self, npoints: int | None, supply: int | None, retries: int, allowed: int, ordered: int | None) -> None:
        self.npoints, self.ordered = npoints, ordered
        self.learner = StrictLearner(supply=supply)
        self.session = Session(
            self.learner,
            Goal(npoints=npoints),
            retries=retries,
            allowed_failures=allowed,
            on_error="skip",
            ordered=ordered,
        )
        self.points: dict[int, int] = {}  # all that were ever taken
        self.out: set[int] = set()  # those that are being evaluated
        self.finished = False

    def pick(self, data: st.DataObject, ids: set[int]) -> list[int]:
        if not ids:
            return []
        return data.draw(st.lists(st.sampled_from(sorted(ids)), unique=True, max_size=6))

    @rule(n=st.integers(0, 6))
    def take(self, n: int) -> None:
        was_done = self.session.done
        taken = self.session.take(n)
        assert len(taken) <= n
        assert not (was_done and taken)
        assert len({pid for pid, _ in taken}) == len(taken)
        for pid, x in taken:
            assert pid not in self.out, "it is being evaluated"
            assert x not in self.learner.data, "it was evaluated"
            assert pid not in self.session.book.failed
            assert self.points.setdefault(pid, x) == x
            self.out.add(pid)

    @rule(data=st.data())
    def tell(self, data: st.DataObject) -> None:
        ids = self.pick(data, self.out)
        fails = data.draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)))
        self.send([(pid, Failure("no") if fail else float(pid)) for pid, fail in zip(ids, fails, strict=True)])

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        ids = self.pick(data, self.out)
        blamed = set(self.pick(data, set(ids)))
        failed = self.session.lost(ids, blame=blamed.__contains__)
        assert set(failed) <= blamed
        self.out -= set(ids)

    @precondition(lambda self: len(self.points) > len(self.out))
    @rule(data=st.data(), fails=st.booleans())
    def repeat(self, data: st.DataObject, fails: bool) -> None:
        """Outcomes and losses of points that were told, lost, or failed before."""
        ids = self.pick(data, self.points.keys() - self.out)
        waiting = len(self.session.points.waiting)
        self.send([(pid, Failure("late") if fails else float(pid)) for pid in ids])
        assert len(self.session.points.waiting) <= waiting or self.ordered, "in order, new points may be asked for now"
        assert self.session.lost(ids) == []

    @rule(pid=st.integers(1000, 1002) | st.integers(-3, -1))
    def confuse(self, pid: int) -> None:
        assert self.session.lost([pid]) == []
        self.send([(pid, 1.0)])
        assert pid not in self.session.book.failed

    def send(self, outcomes: list[tuple[int, Any]]) -> None:
        self.out -= {pid for pid, _ in outcomes}
        told = self.session.tell(outcomes)
        for x, y in told:
            assert self.learner.data[x] == y == float(x), "ids and points are in step"

    @invariant()
    def nothing_is_forgotten(self) -> None:
        if not hasattr(self, "session") or self.finished:
            return
        session, told = self.session, self.learner.data
        assert session.points.in_flight.keys() == self.out
        assert session.told == len(told) == session.npoints
        by_fate = len(session.points.unresolved) + len(told) + len(session.book.failed)
        assert by_fate == self.learner.asked
        held = len(session.points.unresolved) - len(self.out) - len(session.points.waiting)
        assert 0 <= held <= (self.ordered or 0)
        failed_points = {x for x, _ in session.book.tracebacks} - set(told)
        assert len(failed_points) >= len(session.book.failed) == session.book.failed_count
        if self.npoints is not None:
            assert len(told) <= self.npoints

    def teardown(self) -> None:
        """Whatever happened, the rest goes through."""
        if not hasattr(self, "session"):
            return
        session = self.session
        for _ in range(1000):
            if session.done:
                break
            if self.npoints is None and session.npoints >= 30:
                break
            self.take(3)
            self.send([(pid, float(pid)) for pid in sorted(self.out)])
            self.nothing_is_forgotten()
        else:
            raise AssertionError("the run does not end")
        if session.error is not None:
            assert isinstance(session.error, WorkerLostError)
        elif self.npoints is not None and session.npoints != self.npoints:
            assert self.learner.asked == self.learner.supply, "only for want of points"
            assert len(session.points.unresolved) == 0
        session.finish()
        self.finished = True
        assert session.points.in_flight == {}


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=200, stateful_step_count=30)
