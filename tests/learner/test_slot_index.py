"""Points are found whether they are in the dict of new points or in the sorted arrays."""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np
import pytest

from adaptive_dask import Learner1D
from adaptive_dask.learner.intervals import slot_index
from adaptive_dask.learner.intervals.slot_index import SlotIndex


@pytest.fixture(autouse=True)
def settles_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot_index, "_MANY", 3)


def f(x: float) -> float:
    return x + 1e-4 / (1e-4 + x * x)


def test_points_are_found_before_and_after_they_settle() -> None:
    index = SlotIndex()
    index.recent.update({0.5: 1, -0.0: 2, 3.0: 3})
    index.settle(np.array([3.0, -0.0]), np.array([3, 2], dtype=np.int32))
    assert set(index.recent) == {0.5}
    assert [index.get(x) for x in (0.5, 0.0, 3, np.float64(3), 0.25, 4.0, float("nan"))] == [
        1,
        2,
        3,
        3,
        None,
        None,
        None,
    ]
    assert 3.0 in index
    assert "3" not in index
    assert None not in index
    with pytest.raises(KeyError):
        index[0.25]


@pytest.mark.parametrize("seed", range(5))
def test_a_learner_with_settled_points_is_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def history(limit: int) -> tuple[list[Any], Learner1D]:
        monkeypatch.setattr(slot_index, "_MANY", limit)
        chance, learner, seen = random.Random(seed), Learner1D(f, (-1, 1)), []
        for _ in range(60):
            points, _ = learner.ask(chance.choice((1, 2, 5, 20)))
            seen.append(points)
            told = [*chance.sample(points, chance.randint(0, len(points))), chance.uniform(-1.5, 1.5)]
            if chance.random() < 0.5:
                learner.tell_many(told, [f(x) for x in told])
            else:
                for x in told:
                    learner.tell(x, f(x))
            if chance.random() < 0.2:
                learner.remove_unfinished()
            seen += [learner.loss(), learner.loss(real=False), sorted(learner.pending_points)]
            known = chance.choice(list(learner.data))
            learner.tell(known, 5.0)
            assert learner.data[known] == f(known)
        return seen, learner

    (some, settled), (others, new) = history(3), history(10**6)
    assert some == others
    assert list(settled.data.items()) == list(new.data.items())
    assert all(x in settled.data for x in new.data)
    assert not any(x in settled.data for x in settled.pending_points)
    assert dict(settled.losses) == dict(new.losses)
    assert len(settled._line.slots.recent) < 0.5 * settled.npoints


def test_points_below_the_bounds_are_no_neighbours() -> None:
    learner = Learner1D(f, (0, 1))
    for x in (-5.0, -4.0, -3.0, -2.0, 0.5, -1.0, 0.25):
        learner.tell(x, f(x))
    assert -3.0 not in learner._line.slots.recent
    assert dict(learner.neighbors) == {0.25: [None, 0.5], 0.5: [0.25, None]}


@pytest.mark.long  # the threads wait for the interpreter's lock
def test_another_thread_finds_each_point_while_points_settle() -> None:
    learner = Learner1D(f, (-1, 1))
    missing, ended = [], threading.Event()

    def read() -> None:
        while not ended.is_set():
            for x in list(learner.data):
                if x not in learner.data:
                    missing.append(x)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while learner.npoints < 1000:
            points, _ = learner.ask(7)
            learner.tell_many(points, [f(x) for x in points])
    finally:
        ended.set()
        reader.join()
    assert missing == []
