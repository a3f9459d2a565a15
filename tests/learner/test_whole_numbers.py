"""An axis of whole numbers: each is asked for at most once, nothing else is, and a learner that knows all is done."""

from __future__ import annotations

import itertools
import math
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Int, Space
from adaptive_dask.learner import learner1D
from adaptive_dask.learner.axes.axis import UnsupportedAxisError
from adaptive_dask.testing import GUARANTEES, check_learner

LOSSES = {
    "default": None,
    "uniform": learner1D.uniform_loss,
    "triangle": learner1D.triangle_loss,
    "curvature": learner1D.curvature_loss_function(),
    "interpolation": learner1D.interpolation_loss_function(),
    "resolution": learner1D.resolution_loss_function(),
}


def step(n: int) -> float:
    assert type(n) is int
    return math.tanh(n - 3.4) + 0.01 * n


def make(low: int = 1, high: int = 9, loss: Any = None) -> Any:
    return adaptive.Learner1D(step, Space(n=Int(low, high)), loss_per_interval=loss)


def test_every_guarantee() -> None:
    assert check_learner(lambda: make(0, 1000), n=30, max_seconds=2.0) == [*GUARANTEES, "bounded_cost"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, -1), (1, 9), (-7, 24), (2**52 - 9, 2**52)])
def test_each_number_is_asked_for_once_in_any_order_and_grouping(loss: str, low: int, high: int) -> None:
    everything = set(range(low, high + 1))
    for seed in range(12):
        rng = random.Random(seed)
        learner = make(low, high, LOSSES[loss])
        asked: list[Any] = []
        in_flight: list[Any] = []
        failed: set[Any] = set()
        while True:
            n = rng.choice([1, 1, 2, 3, 7, 20, 60])
            points, gains = learner.ask(n)
            assert len(points) == len(gains) <= n
            asked += points
            in_flight += points
            if not in_flight:
                break
            if len(points) < n:
                assert set(asked) | set(learner.data) >= everything
            rng.shuffle(in_flight)
            if rng.random() < 0.1:  # by hand, maybe out of the bounds, maybe one that is known or in flight
                x = rng.randint(low - 2, high + 2)
                if x not in in_flight:
                    learner.tell(x, step(x))
            k = rng.randint(0, len(in_flight))
            told, in_flight = in_flight[:k], in_flight[k:]
            values = [math.nan if rng.random() < 0.1 else step(x) for x in told]
            learner.tell_many(told, values)
            if rng.random() < 0.1 and not failed:  # as after a failure: forgotten, and asked for again
                failed = set(in_flight)
                asked = [x for x in asked if x not in failed]
                learner.remove_unfinished()
                in_flight = []
            assert learner.done() == (set(learner.data) >= everything)
        assert len(asked) == len(set(asked))
        assert all(type(x) is int and low <= x <= high for x in asked)
        assert set(learner.data) >= everything
        assert learner.done()
        assert learner.loss() == learner.loss(real=False) == 0
        assert learner.ask(5) == ([], [])


def test_a_look_at_the_next_points_changes_nothing() -> None:
    learner = make(0, 40)
    for n in itertools.cycle([1, 3, 15, 50]):
        looked = learner.ask(n, tell_pending=False)
        assert learner.ask(n) == looked
        if not looked[0]:
            break
        learner.tell_many(looked[0], map(step, looked[0]))
    assert learner.done()


def test_numbers_are_dense_where_the_function_changes() -> None:
    learner = make(-500, 500)
    adaptive.simple(learner, npoints_goal=60)
    assert {2, 3, 4} <= set(learner.data)
    # Beside the step there is nothing to divide: the loss is that of wider intervals.
    assert learner.loss() == pytest.approx(max(loss for (a, b), loss in learner.losses.items() if b - a > 1))
    assert all(loss == 0 for (a, b), loss in learner.losses.items() if b - a == 1)


@pytest.mark.parametrize("goal", [{}, {"npoints_goal": 50}, {"loss_goal": 1e-9}])
def test_a_run_ends_when_all_is_known(goal: dict[str, Any]) -> None:
    learner = make()
    adaptive.simple(learner, **goal)
    assert sorted(learner.data) == list(range(1, 10))
    many: Any = adaptive.BalancingLearner([make(1, 4), make(1, 9)])
    adaptive.simple(many, **goal)
    assert [child.npoints for child in many.learners] == [4, 9]


def test_copies_ask_for_whole_numbers_too(tmp_path: Path) -> None:
    learner = make(0, 100)
    points, _ = learner.ask(20)
    learner.tell_many(points, map(step, points))
    copies = [pickle.loads(pickle.dumps(learner)), learner.new(), learner.new(), learner.extended(Space(n=Int(0, 100)))]
    copies[1].copy_from(learner)
    learner.save(tmp_path / "data")
    copies[2].load(tmp_path / "data")
    after = learner.ask(30)
    for copy in copies:
        assert list(copy.data.items()) == list(learner.data.items())
        assert copy.ask(30) == after
        assert all(type(x) is int for x in (*copy.data, *copy.pending_points))
    empty = pickle.loads(pickle.dumps(make()))
    assert sorted(empty.ask(99)[0]) == list(range(1, 10))


def test_points_told_by_hand_are_whole() -> None:
    learner = make()
    learner.tell_many([1.0, np.int64(4), True, 12], [0.0, 1.0, 2.0, 3.0])
    assert learner.data == {1: 0.0, 4: 1.0, 12: 3.0}
    assert all(type(x) is int for x in learner.data)
    learner.tell_pending(np.float64(7))
    assert learner.pending_points == {7}
    for tell in (learner.tell_pending, lambda x: learner.tell(x, 1.0), lambda x: learner.tell_many([2, x], [1.0, 1.0])):
        with pytest.raises(ValueError, match=r"whole number on an Int axis, got 2\.5"):
            tell(2.5)
    with pytest.raises(ValueError, match="whole number"):
        learner.data = {2.5: 1.0}
    assert learner.npoints == 3
    assert learner.interpolator()(n=2.5) == pytest.approx(0.5)


def test_frames_have_whole_numbers() -> None:
    pytest.importorskip("pandas")
    learner = make()
    adaptive.simple(learner, npoints_goal=5)
    df = learner.to_dataframe()
    assert df["n"].dtype.kind == "i"
    copy = learner.new()
    copy.load_dataframe(df)
    assert copy.data == learner.data


def test_a_vectorized_function_gets_integers() -> None:
    def f(n: Any) -> Any:
        assert n.dtype.kind == "i"
        return n / 2

    learner: Any = adaptive.Learner1D(f, Space(n=Int(1, 9)))
    assert learner.function.call_batch([1, 3]) == [0.5, 1.5]


@pytest.mark.parametrize(
    ("low", "high", "error", "text"),
    [
        (1.0, 2, TypeError, r"low must be a whole number, got 1\.0"),
        (1, "a", TypeError, "high must be a whole number"),
        (2, 1, ValueError, "ascending"),
        (3, 3, ValueError, "ascending"),
        (0, 2**53, ValueError, r"at most 2\*\*52"),
        (0, 10**400, ValueError, r"at most 2\*\*52"),
    ],
)
def test_bounds_that_make_no_sense(low: Any, high: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Int(low, high)


def test_learners_without_whole_numbers_say_which_have() -> None:
    with pytest.raises(UnsupportedAxisError, match="Learners that support them: Learner1D"):
        adaptive.IntegratorLearner(step, Space(n=Int(1, 9)), 1e-3)
