"""AverageLearner: mean, error and tolerance, in whatever order results come."""

from __future__ import annotations

import itertools
import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_dask.learner.average_learner import AverageLearner
from adaptive_dask.learner.averaging.moments import Moments

finite = st.floats(-1e100, 1e100)


def noise(seed):
    return random.Random(seed).gauss(0.5, 1)


def told(values, **settings):
    learner = AverageLearner(noise, **({"atol": 0.1} | settings))
    learner.tell_many(range(len(values)), values)
    return learner


# -- moments -------------------------------------------------------------------------------------------------------


@given(st.lists(finite, min_size=1, max_size=50), st.randoms())
def test_the_sum_is_exact_in_any_order(values, rng):
    shuffled = values.copy()
    rng.shuffle(shuffled)
    one, other = Moments(), Moments()
    for value in values:
        one.add(value)
    for value in shuffled:
        other.add(value)
    assert one.total == other.total == math.fsum(values)
    assert one.mean == other.mean


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50), st.sampled_from([0.0, 1e6, -1e9]))
def test_the_variance_is_stable(values, offset):
    values = [value + offset for value in values]
    moments = Moments()
    for value in values:
        moments.add(value)
    exact = float(np.var(np.array(values, dtype=np.longdouble), ddof=1))
    assert moments.variance == pytest.approx(exact, rel=1e-9, abs=1e-14 * (1 + abs(offset)) ** 2 * len(values))


@given(
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9), min_size=2, max_size=9),
    st.sampled_from([0.0, 1e6, -1e9]),
)
def test_the_variance_does_not_depend_on_when_it_is_looked_at(groups, offset):
    moments, values = Moments(), []
    for group in groups:
        moments.extend([value + offset for value in group])
        values += [value + offset for value in group]
        n, mean, _ = moments.summary()
        assert n == len(values)
        assert mean == pytest.approx(math.fsum(values) / n, rel=1e-12, abs=1e-9)
    exact = float(np.var(np.array(values, dtype=np.longdouble), ddof=1))
    assert moments.variance == pytest.approx(exact, rel=1e-9, abs=1e-14 * (1 + abs(offset)) ** 2 * len(values))
    for value in (math.nan, 1.0):
        moments.add(value)
        assert math.isnan(moments.variance)


@pytest.mark.parametrize("values", [[math.inf, 1, -math.inf], [math.nan, 1], [math.inf, 2, 3], [1e308, 1e308, 1e308]])
def test_moments_of_what_is_not_finite(values):
    means = []
    for order in itertools.permutations(values):
        moments = Moments()
        for value in order:
            moments.add(value)
        means.append(moments.mean)
        assert math.isnan(moments.variance)
    assert len({str(mean) for mean in means}) == 1
    assert not math.isfinite(means[0])


# -- the learner ---------------------------------------------------------------------------------------------------


def test_mean_std_and_loss():
    values = [1.0, 2.0, 4.0, 9.0]
    learner = told(values, atol=0.5, rtol=0.1)
    assert learner.npoints == 4
    assert learner.sum_f == 16
    assert learner.mean == 4
    assert learner.std == pytest.approx(np.std(values, ddof=1))
    error = learner.std / 2
    assert learner.loss() == pytest.approx(error / 0.4)
    assert told(values, atol=0.1, rtol=0.5).loss() == pytest.approx(error / 0.1)
    learner.ask(12)
    assert learner.n_requested == 16
    assert learner.loss(real=False) == pytest.approx(learner.loss() / 2)


def test_settings_may_be_changed_on_the_way():
    learner = told([1.0, 2.0, 4.0, 9.0], atol=0.5)
    loss = learner.loss()
    learner.atol = 0.25
    assert learner.loss() == 2 * loss
    learner.rtol = 1e-3
    assert learner.loss() == pytest.approx(learner.std / 2 / 4e-3)
    learner.min_npoints = 5
    assert learner.loss() == learner.ask(1)[1][0] == math.inf
    with pytest.raises(ValueError, match="atol"):
        learner.atol = 0


def test_reaches_the_tolerance():
    learner = AverageLearner(noise, rtol=0.05)
    while learner.loss() > 1:
        points, _ = learner.ask(50)
        learner.tell_many(points, map(noise, points))
    assert abs(learner.mean - 0.5) < 4 * 0.05 * 0.5


def test_without_data():
    learner = AverageLearner(noise, atol=1)
    assert math.isnan(learner.mean)
    assert learner.std == learner.loss() == learner.loss(real=False) == math.inf
    assert learner.ask(0) == ([], [])
    assert learner.ask(3) == ([0, 1, 2], [math.inf] * 3)
    assert learner.loss(real=False) == math.inf
    assert learner.to_numpy().shape == (0, 2)


def test_too_few_points():
    learner = told([1.0] * 9, min_npoints=10)
    assert learner.std == learner.loss() == math.inf
    learner.ask(1)
    learner.tell(9, 1.0)
    assert learner.std == learner.loss() == 0
    assert told([1.0], min_npoints=0).min_npoints == 2


def test_mean_of_zero():
    assert told([1.0, -1.0], atol=None, rtol=0.1).loss() == pytest.approx(10)


def test_small_noise_on_a_large_mean():
    learner = told([1e9 + d for d in (0.1, 0.2, 0.3, 0.4)])
    assert learner.std == pytest.approx(0.1290994, rel=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite(bad):
    learner = told([1.0, bad, 2.0])
    assert not math.isfinite(learner.mean)
    assert learner.loss() == math.inf
    assert math.isnan(learner.std)
    assert len(learner.ask(5)[0]) == 5


@given(st.lists(st.integers(0, 30), max_size=20), st.lists(st.integers(0, 30), max_size=20), st.integers(0, 40))
def test_seeds_are_never_known_or_pending(known, pending, n):
    learner = told([])
    for seed in known:
        learner.tell(seed, 1.0)
    for seed in pending:
        learner.tell_pending(seed)
    pending = learner.pending_points.copy()
    assert not pending & learner.data.keys()
    looked, _ = learner.ask(n, tell_pending=False)
    assert learner.pending_points == pending
    points, improvements = learner.ask(n)
    assert points == looked == [seed for seed in range(100) if seed not in known and seed not in pending][:n]
    assert len(improvements) == n
    assert learner.pending_points == pending.union(points)
    learner.remove_unfinished()
    assert learner.ask(40)[0] == [seed for seed in range(100) if seed not in known][:40]


def test_improvements_add_up():
    learner = told([1.0, 2.0, 3.0])
    _, improvements = learner.ask(9, tell_pending=False)
    assert sum(improvements) == pytest.approx(learner.loss() / 2)


def test_tells_are_idempotent():
    learner = told([1.0, 2.0])
    learner.tell(0, 100.0)
    learner.tell(np.int64(7), np.float64(3.0))
    learner.tell_pending(7)
    assert learner.data == {0: 1.0, 1: 2.0, 7: 3.0}
    assert all(type(x) is int and type(y) is float for x, y in learner.data.items())
    assert learner.mean == 2.0
    assert not learner.pending_points
    assert np.array_equal(learner.to_numpy(), [[0, 1], [1, 2], [7, 3]])


@given(st.lists(st.tuples(st.integers(0, 9), finite), max_size=12), st.integers(0, 5))
def test_many_at_a_time_are_one_after_the_other(results, asked):
    one, many = told([]), told([])
    for learner in (one, many):
        learner.ask(asked)
    for seed, value in results:
        one.tell(seed, value)
    many.tell_many([seed for seed, _ in results], [value for _, value in results])
    assert one.data == many.data
    assert one.pending_points == many.pending_points
    assert one.ask(5)[0] == many.ask(5)[0]
    assert one.sum_f == many.sum_f
    with pytest.raises(ValueError, match="value for each of 2 points, got 1"):
        many.tell_many([77, 78], [1.0])
    assert one.data == many.data


def test_copies():
    learner = AverageLearner(lambda seed: seed % 7, atol=0.1, rtol=0.2, min_npoints=5)
    points, _ = learner.ask(20)
    learner.tell_many(points[::2], map(learner.function, points[::2]))
    copy = pickle.loads(pickle.dumps(learner))
    new = learner.new()
    assert new.npoints == 0
    new.copy_from(learner)
    for other in (copy, new):
        assert (other.atol, other.rtol, other.min_npoints) == (0.1, 0.2, 5)
        assert other.data == learner.data
        assert other.data is not learner.data
        assert not other.pending_points
        assert (other.mean, other.std) == (learner.mean, learner.std)
        assert other.function(8) == 1
        assert other.ask(3)[0] == [1, 3, 5]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({}, ValueError),
        ({"atol": 0}, ValueError),
        ({"rtol": -1}, ValueError),
        ({"atol": math.nan}, ValueError),
        ({"atol": "1"}, TypeError),
        ({"atol": 1, "min_npoints": 2.5}, TypeError),
    ],
)
def test_bad_settings(settings, error):
    with pytest.raises(error):
        AverageLearner(noise, **settings)


@pytest.mark.parametrize(("seed", "value"), [(0.5, 1.0), ("a", 1.0), (0, None), (0, "b"), (0, [1.0, 2.0]), (0, 1j)])
def test_bad_results_change_nothing(seed, value):
    learner = told([])
    with pytest.raises((TypeError, ValueError)):
        learner.tell(seed, value)
    assert not learner.data
    with pytest.raises(ValueError, match="-1"):
        learner.ask(-1)


def test_as_python_adaptive():
    peer_module = pytest.importorskip("adaptive.learner.average_learner")
    settings = {"atol": 0.3, "rtol": 0.01, "min_npoints": 3}
    peer, ours = peer_module.AverageLearner(noise, **settings), AverageLearner(noise, **settings)
    rng = random.Random(0)
    out: list[int] = []
    for _ in range(60):
        n = rng.randint(1, 5)
        points, improvements = ours.ask(n)
        theirs = peer.ask(n)
        assert points == theirs[0]
        assert improvements == pytest.approx(theirs[1])
        out += points
        rng.shuffle(out)
        for _ in range(rng.randint(0, len(out))):
            seed = out.pop()
            peer.tell(seed, noise(seed))
            ours.tell(seed, noise(seed))
        if ours.npoints:
            assert ours.mean == pytest.approx(peer.mean)
            assert ours.sum_f == pytest.approx(peer.sum_f)
        assert ours.std == pytest.approx(peer.std)
        assert ours.loss() == pytest.approx(peer.loss())
        assert ours.loss(real=False) == pytest.approx(peer.loss(real=False))
        assert ours.n_requested == peer.n_requested
