"""NaN, infinity, divergences, jumps, exhausted intervals: always new points, and never only in one spot."""

import math

import numpy as np
import pytest

from adaptive_dask.learner.learner1D import (
    Learner1D,
    abs_min_log_loss,
    curvature_loss_function,
    default_loss,
    interpolation_loss_function,
    resolution_loss_function,
    triangle_loss,
    uniform_loss,
)

LOSSES = {
    "uniform": uniform_loss,
    "default": default_loss,
    "abs_min_log": abs_min_log_loss,
    "triangle": triangle_loss,
    "resolution": resolution_loss_function(0.01, 0.1),
    "curvature": curvature_loss_function(),
    "mean interpolation": interpolation_loss_function(),
    "max interpolation": interpolation_loss_function("max"),
    "constant": lambda xs, ys: 1.0,
    "zero": lambda xs, ys: 0.0,
    "negative": lambda xs, ys: -1.0,
    "NaN": lambda xs, ys: math.nan,
    "infinite": lambda xs, ys: math.inf,
}


def partly_undefined(x):
    return math.nan if 0.2 < x < 0.4 else math.inf if x < -0.5 else x


FUNCTIONS = {
    "1/x²": lambda x: 1 / (x * x) if x * x else math.inf,
    "partly undefined": partly_undefined,
    "undefined": lambda x: math.nan,
    "jump": lambda x: float(x > 0.1),
    "constant": lambda x: 0.0,
    "line": lambda x: x,
    "pole": lambda x: 1 / (x - 0.123) if x != 0.123 else -math.inf,
    "partly undefined vector": lambda x: [x, partly_undefined(x), -x],
    "largest floats": lambda x: math.copysign(1.7e308, x),
    "smallest floats": lambda x: x * 5e-324,
    "very different components": lambda x: [1e300, x * 1e-300, x],
}


def explore(learner, function, steps, seed=0):
    """Ask and tell in a random pattern; check each ask."""
    rng = np.random.default_rng(seed)
    asked, pending = set(), []
    for _ in range(steps):
        n = int(rng.choice([1, 2, 9, 20]))
        points, improvements = learner.ask(n)
        assert len(points) == len(improvements) <= n
        assert len(set(points)) == len(points)
        assert not asked.intersection(points)
        assert all(learner.bounds[0] <= x <= learner.bounds[1] for x in points)
        asked.update(points)
        pending += points
        rng.shuffle(pending)
        k = int(rng.integers(len(pending) + 1))
        told, pending = pending[:k], pending[k:]
        learner.tell_many(told, [function(x) for x in told])
        assert not math.isnan(learner.loss())
        assert not math.isnan(learner.loss(real=False))
        learner.ask(3, tell_pending=False)
        if len(points) < n:
            break
    return sorted(asked)


@pytest.mark.long
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_goes_on_everywhere(loss, function):
    learner = Learner1D(function, (-1, 1), loss)
    points = explore(learner, function, steps=40)
    assert len(points) > 200
    assert np.diff(points).max() < 0.7


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(
    ("bounds", "numbers"),
    [((0.1, 0.1 + 40 * math.ulp(0.1)), 41), ((1, math.nextafter(1, 2)), 2), ((-6e-323, 6e-323), 25)],
)
def test_asks_every_number_there_is_and_then_nothing(bounds, numbers, function, loss):
    learner = Learner1D(function, bounds, loss)
    points = explore(learner, function, steps=100)
    assert len(points) == numbers
    assert learner.ask(5) == ([], [])
    pending = sorted(learner.pending_points)
    learner.tell_many(pending, [function(x) for x in pending])
    assert learner.ask(5) == ([], [])
    assert learner.npoints == numbers


@pytest.mark.parametrize("n", [2, 3, 20, 1000])
def test_first_ask_gives_each_number_once(n):
    points, _ = Learner1D(abs, (1, 1 + 9 * math.ulp(1))).ask(n)
    assert len(points) == len(set(points)) == min(n, 10)


@pytest.mark.parametrize("bounds", [(-8e307, 8e307), (-1e-310, 1e-310)])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_extreme_bounds(bounds, loss):
    points = explore(Learner1D(None, bounds, loss), math.atan, steps=30)
    assert len(points) > 100


def test_divergence_is_left_when_floats_end():
    def function(x):
        return 1 / (x * x) if x else math.inf

    learner = Learner1D(function, (-1, 1))
    for _ in range(2000):
        (x,), _ = learner.ask(1)
        learner.tell(x, function(x))
    assert learner.loss() < 0.01
    assert np.diff(sorted(learner.data)).max() < 0.02


def test_undefined_values_do_not_enter_the_scale():
    function = FUNCTIONS["partly undefined"]
    learner, defined = Learner1D(function, (-1, 1)), Learner1D(lambda x: x, (-1, 1))
    points = np.linspace(-1, 1, 41).tolist()
    learner.tell_many(points, [function(x) for x in points])
    defined.tell_many(points, points)
    for left, right in defined.losses:
        if math.isfinite(function(left)) and math.isfinite(function(right)):
            # The height of the data is 1.5 rather than 2: from -0.5 to 1.
            assert learner.losses[left, right] == pytest.approx(math.hypot(0.025, 0.05 / 1.5))
        else:
            assert learner.losses[left, right] == pytest.approx(0.025)


def test_one_undefined_value_at_a_time_is_the_same():
    function = FUNCTIONS["partly undefined vector"]
    at_once, one_by_one = Learner1D(function, (-1, 1)), Learner1D(function, (-1, 1))
    points = np.linspace(-1, 1, 41).tolist()
    at_once.tell_many(points, [function(x) for x in points])
    for x in points:
        one_by_one.tell(x, function(x))
    one_by_one.tell_many([], [], force=True)
    assert at_once.losses.keys() == one_by_one.losses.keys()
    assert all(loss == pytest.approx(one_by_one.losses[i]) for i, loss in at_once.losses.items())


def test_neighbours_are_not_seen_across_an_undefined_value():
    seen = {}

    def loss(xs, ys):
        seen[xs[2:4]] = [x is not None for x in xs]
        return xs[3] - xs[2]

    loss.nth_neighbors = 2
    learner = Learner1D(None, (0, 8), loss)
    learner.tell_many(range(9), [0, 0, math.nan, 0, 0, 0, math.inf, 0, 0])
    assert seen.keys() == {(i / 8, (i + 1) / 8) for i in (0, 3, 4, 7)}
    assert seen[3 / 8, 4 / 8] == [False, False, True, True, True, False]
    seen.clear()
    learner.tell(4.5, 0)
    assert seen[4.5 / 8, 5 / 8] == [True, True, True, True, False, False]


@pytest.mark.parametrize("many", [False, True])
def test_points_outside_of_the_bounds_are_only_kept(many):
    learner, other = Learner1D(abs, (-1, 1)), Learner1D(abs, (-1, 1))
    learner.tell_pending(3)
    outside = [3, -7.5, 1.5]
    if many:
        learner.tell_many(outside, [10, 20, 30])
    else:
        for x, y in zip(outside, [10, 20, 30], strict=True):
            learner.tell(x, y)
    learner.tell_pending(9)
    assert learner.data == {3.0: 10.0, -7.5: 20.0, 1.5: 30.0}
    assert learner.pending_points == {9.0}
    assert not learner.neighbors_combined
    for n in (1, 5, 3):
        points, _ = learner.ask(n)
        assert points == other.ask(n)[0]
        for x in points:
            learner.tell(x, abs(x))
            other.tell(x, abs(x))
        assert learner.losses == other.losses
    learner.tell_many(np.linspace(-2, 2, 401), np.zeros(401))
    assert all(-1 <= x <= 1 for x in learner.neighbors)


def test_a_zero_loss_does_not_keep_to_one_spot():
    learner = Learner1D(lambda x: x, (0, 1), triangle_loss)
    for _ in range(65):
        (x,), _ = learner.ask(1)
        learner.tell(x, x)
    assert np.diff(sorted(learner.data)).max() < 0.05


@pytest.mark.parametrize("value", [lambda x: 0.0, lambda x: x, lambda x: max(x, 0.0), lambda x: [x, 0.0]])
def test_a_search_for_zeros_goes_on_beside_an_exact_one(value):
    learner = Learner1D(value, (-1, 1), abs_min_log_loss)
    for n in [1, 2, 16, 1, 40]:
        points, improvements = learner.ask(n)
        assert not np.isnan(improvements).any()
        learner.tell_many(points, [value(x) for x in points])
    assert math.isfinite(learner.loss())
