"""The log of a session makes the same learner again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.run.failures import Failure
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session
from adaptive_dask.runner.sequential import replay_log

from .fakes import CountingLearner


def wave(x: float) -> float:
    return x**3 - 0.2 / (0.05 + x * x)


def test_without_log_there_is_none() -> None:
    session = Session(CountingLearner(), Goal())
    session.take(1)
    assert session.log is None


def test_the_log_lists_the_calls() -> None:
    session = Session(CountingLearner(), Goal(), log=True)
    session.take(3)
    session.tell([(0, 0.0)])
    session.tell([(2, 2.0), (1, 1.0)])
    session.tell_from_elsewhere(99, 9.0)
    assert session.log == [("ask", 3), ("tell", 0, 0.0), ("tell_many", [2, 1], [2.0, 1.0]), ("tell", 99, 9.0)]


def test_refused_values_and_failed_asks_are_not_in_the_log() -> None:
    session = Session(CountingLearner(), Goal(), log=True, on_error="skip")
    session.take(3)
    session.tell([(0, 0.0), (1, "text"), (2, 2.0)])
    session.learner.ask_error = RuntimeError("no idea")
    session.take(1)
    assert session.log == [("ask", 3), ("tell", 0, 0.0), ("tell", 2, 2.0)]
    copy = CountingLearner()
    replay_log(copy, session.log)
    assert copy.data == session.learner.data


@given(seed=st.integers(0, 10**6), ordered=st.none() | st.integers(1, 5))
def test_replaying_the_log_reproduces_the_learner(seed: int, ordered: int | None) -> None:
    chance = random.Random(seed)
    learner = Learner1D(wave, (-1, 1))
    session = Session(learner, Goal(npoints=40), retries=1, log=True, ordered=ordered)
    out: dict[int, float] = {}
    failed: set[int] = set()
    while not session.done:
        out.update(session.take(chance.randint(0, 4)))
        outcomes = []
        for pid in chance.sample(sorted(out), chance.randint(0, len(out))):
            if pid not in failed and chance.random() < 0.2:
                failed.add(pid)
                outcomes.append((pid, Failure("failed")))
            else:
                outcomes.append((pid, wave(out[pid])))
            del out[pid]
        session.tell(outcomes)
        gone = [pid for pid in out if chance.random() < 0.1]
        session.lost(gone, blame=lambda pid: False)
        for pid in gone:
            del out[pid]
    assert session.log is not None
    copy = learner.new()
    replay_log(copy, session.log)
    assert list(copy.data.items()) == list(learner.data.items())
    assert copy.pending_points == learner.pending_points
    assert copy.loss() == pytest.approx(learner.loss(), rel=1e-12)
    assert copy.ask(5)[0] == learner.ask(5)[0]
