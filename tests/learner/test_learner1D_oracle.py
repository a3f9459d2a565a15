"""Learner1D asks what python-adaptive asks, ask by ask, whatever it was told before."""

import math
from itertools import pairwise

import adaptive.learner.learner1D as peer
import numpy as np
import pytest

import adaptive_dask.learner.learner1D as ours


@ours.uses_nth_neighbors(2)
def two_neighbors_loss(xs, ys):
    steps = [np.max(np.abs(np.subtract(b, a))) for a, b in pairwise(ys) if a is not None and b is not None]
    return (xs[3] - xs[2]) * (0.1 + sum(steps))


def plain_loss(xs, ys):
    return (xs[1] - xs[0]) ** 0.7 * (1 + np.max(np.abs(np.subtract(ys[1], ys[0]))))


LOSSES = {
    "uniform": (peer.uniform_loss, ours.uniform_loss),
    "default": (peer.default_loss, ours.default_loss),
    "abs_min_log": (peer.abs_min_log_loss, ours.abs_min_log_loss),
    "triangle": (peer.triangle_loss, ours.triangle_loss),
    "resolution": (peer.resolution_loss_function(0.0003, 0.2), ours.resolution_loss_function(0.0003, 0.2)),
    "curvature": (peer.curvature_loss_function(), ours.curvature_loss_function()),
    "custom": (plain_loss, plain_loss),
    "custom, two neighbours": (two_neighbors_loss, two_neighbors_loss),
}

FUNCTIONS = {
    "peak": lambda x: x + 0.01**2 / (0.01**2 + (x - 0.3127) ** 2),
    "growing": lambda x: math.exp(3 * x) * math.sin(17 * x + 0.3),
    "vector": lambda x: np.array([math.sin(3.3 * x), math.exp(x) * 2, x**3 / 7]),
    "vector of one": lambda x: np.array([math.sin(5 * x + 0.1)]),
}


# python-adaptive finds the area of narrow triangles in more than two dimensions by a difference of
# nearly equal numbers.
RELATIVE = 1e-4

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero encountered in log:RuntimeWarning:adaptive")


def same_losses(a, b):
    return set(a) == set(b) and all(math.isclose(a[k], b[k], rel_tol=RELATIVE) or a[k] == b[k] for k in a)


def check_same_state(theirs, mine):
    for real in (True, False):
        # A bound that was only asked for counts as known there; here nothing is known beyond the other points.
        told = not real or all(bound in mine.data for bound in mine.bounds)
        assert mine.loss(real) == pytest.approx(theirs.loss(real) if told else np.inf, rel=RELATIVE)
    assert dict(mine.neighbors) == dict(theirs.neighbors)
    assert dict(mine.neighbors_combined) == dict(theirs.neighbors_combined)
    assert same_losses(theirs.losses, mine.losses)
    assert same_losses(theirs.losses_combined, mine.losses_combined)
    assert mine.pending_points == theirs.pending_points
    assert mine.vdim == theirs.vdim


def check_same_ask(theirs, mine, n, tell_pending):
    expected, expected_improvements = theirs.ask(n, tell_pending=tell_pending)
    points, improvements = mine.ask(n, tell_pending=tell_pending)
    assert points == expected
    np.testing.assert_allclose(improvements, expected_improvements, rtol=RELATIVE, atol=1e-11)
    return points


def tell_in_some_way(rng, learners, points, function):
    values = [function(x) for x in points]
    one_by_one = rng.random() < 0.4
    for learner in learners:
        if one_by_one:
            for x, y in zip(points, values, strict=True):
                learner.tell(x, y)
        else:
            learner.tell_many(points, values)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize(("their_loss", "our_loss"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3))])
def test_any_sequence_of_calls(their_loss, our_loss, function, seed):
    rng = np.random.default_rng(seed)
    theirs = peer.Learner1D(function, (-1, 1), their_loss)
    mine = ours.Learner1D(function, (-1, 1), our_loss)
    in_flight = []
    for _ in range(50):
        actions = ["ask", "look", "tell", "tell unasked", "pending", "remove"]
        action = rng.choice(actions, p=[0.35, 0.1, 0.3, 0.17, 0.04, 0.04])
        n = int(rng.choice([1, 1, 2, 3, 5, 17, 40]))
        if action == "ask":
            in_flight += check_same_ask(theirs, mine, n, tell_pending=True)
        elif action == "look":
            check_same_ask(theirs, mine, n, tell_pending=False)
        elif action == "tell" and in_flight:
            rng.shuffle(in_flight)
            k = int(rng.integers(1, len(in_flight) + 1))
            told, in_flight = in_flight[:k], in_flight[k:]
            tell_in_some_way(rng, (theirs, mine), told, function)
        elif action == "tell unasked":
            tell_in_some_way(rng, (theirs, mine), rng.uniform(-1, 1, size=n).tolist(), function)
        elif action == "pending":
            x = float(rng.uniform(-1, 1))
            theirs.tell_pending(x)
            mine.tell_pending(x)
            in_flight.append(x)
        elif action == "remove":
            theirs.remove_unfinished()
            mine.remove_unfinished()
            in_flight = []
        check_same_state(theirs, mine)


@pytest.mark.long
@pytest.mark.parametrize(("their_loss", "our_loss"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("n", [1, 7, 64])
def test_long_run_in_batches(their_loss, our_loss, n):
    function = FUNCTIONS["peak"]
    theirs = peer.Learner1D(function, (-1, 1), their_loss)
    mine = ours.Learner1D(function, (-1, 1), our_loss)
    while mine.npoints < 600:
        points = check_same_ask(theirs, mine, n, tell_pending=True)
        for learner in (theirs, mine):
            learner.tell_many(points, [function(x) for x in points])
    assert dict(mine.data) == dict(theirs.data)


@pytest.mark.parametrize("force", [False, True])
def test_force_computes_everything_anew(force):
    function = FUNCTIONS["growing"]
    theirs, mine = peer.Learner1D(function, (-1, 1)), ours.Learner1D(function, (-1, 1))
    for learner in (theirs, mine):
        for x in np.linspace(-1, 1, 57).tolist():
            learner.tell(x, function(x))
        learner.tell_many([0.0013, 0.4447], [function(0.0013), function(0.4447)], force=force)
    check_same_state(theirs, mine)


def test_scale_is_recomputed_by_the_same_factor():
    function = FUNCTIONS["growing"]
    theirs, mine = peer.Learner1D(function, (-1, 1)), ours.Learner1D(function, (-1, 1))
    theirs._recompute_losses_factor = mine._recompute_losses_factor = 1
    for _ in range(40):
        (x,) = check_same_ask(theirs, mine, 1, tell_pending=True)
        for learner in (theirs, mine):
            learner.tell(x, function(x))
        check_same_state(theirs, mine)
