"""AverageLearner1D: which points are sampled again, and means that do not depend on the order of samples."""

from __future__ import annotations

import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_dask.learner.average_learner1D import AverageLearner1D
from adaptive_dask.learner.learner1D import Learner1D, uniform_loss

QUICK = {"min_samples": 5, "delta": 0.4}


def noisy(point, noise=0.3):
    seed, x = point
    return x + 0.01 / (0.01 + x * x) + random.Random(f"{seed} {x}").gauss(0, noise)


def clean(point):
    return math.sin(3 * point[1])


def run(learner, n, k=1):
    while learner.nsamples < n:
        points, _ = learner.ask(k)
        learner.tell_many(points, [learner.function(point) for point in points])
    return learner


def everything(learner):
    return (
        {x: learner.data[x] for x in sorted(learner.data)},
        learner._number_samples,
        learner.nsamples,
        learner.npoints,
        learner._get_data(),
    )


# -- beside python-adaptive ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        QUICK,
        {"min_samples": 3, "delta": 0.1, "max_samples": 20},
        {"min_samples": 10, "min_error": 0.2, "neighbor_sampling": 0.9},
        {"min_samples": 4, "alpha": 0.1, "delta": 1},
        {"min_samples": 8, "loss_per_interval": uniform_loss},
    ],
)
def test_samples_what_python_adaptive_samples(options):
    peer_module = pytest.importorskip("adaptive.learner.average_learner1D")
    theirs = options | {}
    if "loss_per_interval" in options:
        theirs["loss_per_interval"] = pytest.importorskip("adaptive.learner.learner1D").uniform_loss
    peer = peer_module.AverageLearner1D(noisy, (-1, 1), **theirs)
    ours = AverageLearner1D(noisy, (-1, 1), **options)
    for _ in range(600):
        (point,), _ = ours.ask(1)
        assert [point] == peer.ask(1)[0]
        value = noisy(point)
        ours.tell(point, value)
        peer.tell(point, value)
    assert ours.loss() == pytest.approx(peer.loss())
    assert dict(ours.data) == pytest.approx(dict(peer.data))
    assert dict(ours.error) == pytest.approx(dict(peer.error))
    assert dict(ours.rescaled_error) == pytest.approx(dict(peer.rescaled_error))
    assert ours._data_samples == peer._data_samples
    assert ours._number_samples == peer._number_samples
    assert ours.nsamples == peer.nsamples == 600
    assert ours.min_samples_per_point == peer.min_samples_per_point
    assert ours.to_numpy(mean=True) == pytest.approx(peer.to_numpy(mean=True))
    assert np.array_equal(ours.to_numpy(), peer.to_numpy())


# -- who is sampled ------------------------------------------------------------------------------------------------


def test_without_noise_points_are_not_sampled_again():
    learner = run(AverageLearner1D(clean, (-1, 1), min_samples=3), 600)
    assert learner.npoints == 200
    assert set(learner._number_samples.values()) == {3}
    plain = Learner1D(math.sin, (-1, 1))
    assert isinstance(learner, type(plain))


def test_more_noise_means_more_samples():
    quiet = run(AverageLearner1D(lambda p: noisy(p, 0.01), (-1, 1), **QUICK), 1000)
    loud = run(AverageLearner1D(lambda p: noisy(p, 1.0), (-1, 1), **QUICK), 1000)
    assert quiet.npoints > 3 * loud.npoints
    # When a new point comes next, the errors are as delta wants them.
    while loud.ask(1, tell_pending=False)[0][0][1] in loud.data:
        (point,), _ = loud.ask(1)
        loud.tell(point, loud.function(point))
    assert max(loud.rescaled_error.values()) <= loud.delta


def test_samples_are_bounded():
    learner = run(AverageLearner1D(lambda p: noisy(p, 5.0), (-1, 1), min_samples=4, max_samples=7, delta=0.01), 200, 9)
    assert max(learner._number_samples.values()) == 7
    learner = run(AverageLearner1D(noisy, (-1, 1), min_samples=1, max_samples=1), 50)
    assert learner.npoints == 50


def test_min_error_ends_the_sampling_of_a_point():
    learner = run(AverageLearner1D(noisy, (-1, 1), min_samples=4, delta=0.001, min_error=0.5), 400)
    assert all(error <= 0.5 for x, error in learner.error.items() if learner._number_samples[x] > 10)
    assert learner.npoints > 10


@pytest.mark.parametrize("k", [7, 64, 500])
def test_many_at_a_time_are_what_one_by_one_would_be(k):
    learner = AverageLearner1D(noisy, (-1, 1), min_samples=20)
    points, improvements = learner.ask(k)
    assert len(set(points)) == len(points) == len(improvements) == k
    single = AverageLearner1D(noisy, (-1, 1), min_samples=20)
    assert points == [single.ask(1)[0][0] for _ in range(k)]
    counts = np.unique([x for _, x in points], return_counts=True)[1]
    assert counts.max() == min(k, 20)


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=25), seed=st.integers(0, 100))
def test_parallel_asks(sizes, seed):
    rng = random.Random(seed)
    learner = AverageLearner1D(noisy, (-1, 1), **QUICK)
    seen, out = set(), []
    for n in sizes:
        looked = learner.ask(n, tell_pending=False)
        assert learner.pending_points == set(out)
        points, improvements = learner.ask(n)
        assert (points, improvements) == looked
        assert len(points) == len(improvements) == n
        assert len(seen.union(points)) == len(seen) + n
        assert all(type(s) is int and type(x) is float and -1 <= x <= 1 for s, x in points)
        seen.update(points)
        out += points
        rng.shuffle(out)
        for _ in range(rng.randint(0, len(out))):
            point = out.pop()
            learner.tell(point, noisy(point))
        assert learner.pending_points == set(out)
    learner.remove_unfinished()
    assert not learner.pending_points
    assert not learner.neighbors_combined.keys() - learner.data.keys()
    again, _ = learner.ask(100)
    assert not set(again) & {(s, x) for x, samples in learner._data_samples.items() for s in samples}


# -- what was told -------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 150))
def test_data_do_not_depend_on_order_or_grouping(seed, n):
    rng = random.Random(seed)
    points = [(s, x) for x in (-1.0, 1.0, 0.25, 0.5, 3.0) for s in range(40)]
    points = rng.sample(points, n)
    values = [noisy(point) * 10 ** rng.uniform(-8, 8) for point in points]
    one = AverageLearner1D(noisy, (-1, 1), **QUICK)
    many, grouped = one.new(), one.new()
    for point, value in zip(points, values, strict=True):
        one.tell(point, value)
        one.tell(point, 1e9)
    many.tell_many(reversed(points), reversed(values), force=True)
    by_x: dict[float, dict[int, float]] = {}
    for (s, x), value in zip(points, values, strict=True):
        by_x.setdefault(x, {})[s] = value
    for x, samples in by_x.items():
        grouped.tell_many_at_point(x, samples)
    copied = one.new()
    copied.copy_from(one)
    for other in (many, grouped, copied, pickle.loads(pickle.dumps(one))):
        assert everything(other) == everything(one)
        assert dict(other.error) == pytest.approx(dict(one.error), rel=1e-6)
        assert other.data == one.data


def test_points_outside_of_the_bounds_have_no_influence():
    learner = AverageLearner1D(noisy, (-1, 1), **QUICK)
    learner.tell((0, 5.0), 1e9)
    learner.tell_pending((1, 5.0))
    learner.tell_pending((0, 6.0))
    learner.tell((2, 5.0), 2e9)
    assert learner.data == {5.0: 1.5e9}
    assert learner.ask(1)[0] == [(0, -1.0)]
    learner.remove_unfinished()
    assert learner.nsamples == 2
    assert not learner.pending_points


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e308])
def test_values_that_are_not_finite(bad):
    def holes(point):
        return bad if abs(point[1]) < 0.3 else clean(point)

    learner = run(AverageLearner1D(holes, (-1, 1), min_samples=3), 400, 5)
    assert learner.npoints > 50
    assert not math.isnan(learner.loss())


def test_pending_points_of_others_count():
    learner = AverageLearner1D(noisy, (-1, 1), min_samples=4)
    learner.tell_pending((1, -1.0))
    learner.tell_pending((0, 0.5))
    assert learner.ask(6)[0] == [(0, -1.0), (2, -1.0), (3, -1.0), (1, 0.5), (2, 0.5), (3, 0.5)]


def test_copies():
    learner = AverageLearner1D(lambda p: noisy(p), (-1, 2), uniform_loss, 0.3, 0.01, 0.5, 6, 60, 0.01)
    run(learner, 300, 7)
    learner.ask(10)
    copy = pickle.loads(pickle.dumps(learner))
    new = learner.new()
    assert (new.npoints, new.nsamples, new.min_samples_per_point) == (0, 0, 0)
    assert new.to_numpy().shape == (0, 3)
    new.copy_from(learner)
    learner.remove_unfinished()
    for other in (copy, new):
        assert other.bounds == learner.bounds
        assert other._settings() == learner._settings()
        assert not other.pending_points
        assert everything(other) == everything(learner)
        assert other.loss() == pytest.approx(learner.loss())
        assert other.function((1, 0.5)) == learner.function((1, 0.5))
        assert len(other.ask(5)[0]) == 5


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"delta": 0}, ValueError),
        ({"delta": 1.1}, ValueError),
        ({"alpha": 1}, ValueError),
        ({"alpha": "a"}, TypeError),
        ({"neighbor_sampling": math.nan}, ValueError),
        ({"min_samples": -1}, ValueError),
        ({"min_samples": 2.5}, TypeError),
        ({"min_samples": 10, "max_samples": 9}, ValueError),
        ({"min_error": -1}, ValueError),
        ({"bounds": (1, -1)}, ValueError),
    ],
)
def test_bad_settings(options, error):
    with pytest.raises(error):
        AverageLearner1D(noisy, **({"bounds": (-1, 1)} | options))


@pytest.mark.parametrize(
    ("point", "value", "error"),
    [
        (0.5, 1.0, TypeError),
        ((0.5, 0.5), 1.0, TypeError),
        ((0, math.nan), 1.0, ValueError),
        ((0, 0.5), None, TypeError),
        ((0, 0.5), [1.0, 2.0], TypeError),
    ],
)
def test_bad_results_change_nothing(point, value, error):
    learner = AverageLearner1D(noisy, (-1, 1))
    with pytest.raises(error):
        learner.tell(point, value)
    with pytest.raises(error):
        learner.tell_many([(0, 0.1), point], [1.0, value])
    with pytest.raises(ValueError, match="ys must have a value for each"):
        learner.tell_many([(0, 0.1), (0, 0.2)], [1.0])
    assert not learner.data
    assert learner.ask(0) == ([], [])
    with pytest.raises(ValueError, match="-1"):
        learner.ask(-1)


def test_it_counts_as_a_learner1D_without_being_derived_from_it() -> None:
    """Scripts that were written for python-adaptive ask for ``isinstance(learner, Learner1D)``."""
    assert issubclass(AverageLearner1D, Learner1D)
    assert Learner1D not in AverageLearner1D.__mro__
