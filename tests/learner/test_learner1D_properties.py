import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_dask.learner.learner1D import (
    Learner1D,
    abs_min_log_loss,
    curvature_loss_function,
    default_loss,
    interpolation_loss_function,
    resolution_loss_function,
    triangle_loss,
    uniform_loss,
    uses_nth_neighbors,
)


@uses_nth_neighbors(3)
def distant_loss(xs, ys):
    return (xs[4] - xs[3]) * sum(np.max(np.abs(y)) for y in ys if y is not None)


LOSSES = [
    uniform_loss,
    default_loss,
    abs_min_log_loss,
    triangle_loss,
    resolution_loss_function(0.01, 0.3),
    curvature_loss_function(),
    interpolation_loss_function(),
    interpolation_loss_function("max", min_length=0.001, max_length=0.5),
    distant_loss,
]

losses = st.sampled_from(LOSSES)
points = st.integers(-60, 60).map(lambda i: i / 50)
values = st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.0, 1.0, math.nan, math.inf]))


@st.composite
def results_in_two_orders(draw, min_size=1):
    xs = draw(st.lists(points, unique=True, min_size=min_size, max_size=60))
    vdim = draw(st.integers(0, 2))
    ys = [draw(values) if vdim == 0 else [draw(values) for _ in range(vdim)] for _ in xs]
    results = list(zip(xs, ys, strict=True))
    return results, draw(st.permutations(results))


def tell_in_groups(learner, results, data):
    """Tell results one by one and in groups of any size, some pending before or asked for."""
    while results:
        size = data.draw(st.integers(1, len(results)))
        group, results = results[:size], results[size:]
        how = data.draw(st.sampled_from(["tell", "tell_many", "pending first", "ask between"]))
        if how == "ask between":
            learner.ask(data.draw(st.integers(1, 20)))
        if how == "pending first":
            for x, _ in group:
                learner.tell_pending(x)
        if how == "tell":
            for x, y in group:
                learner.tell(x, y)
        else:
            learner.tell_many(*zip(*group, strict=True))


@settings(max_examples=100, deadline=None)
@given(loss=losses, results=results_in_two_orders(), data=st.data())
def test_order_and_grouping_of_tells_do_not_matter(loss, results, data):
    learners = []
    for order in results:
        learner = Learner1D(None, (-1, 1), loss)
        tell_in_groups(learner, list(order), data)
        learner.remove_unfinished()
        learner.tell_many([], [], force=True)
        learners.append(learner)
    one, other = learners
    assert one.data == other.data == dict(results[0])
    assert one.neighbors == other.neighbors
    np.testing.assert_allclose(list(one.losses.values()), list(other.losses.values()), rtol=1e-12)
    assert one.loss() == pytest.approx(other.loss(), rel=1e-12)
    assert one.ask(5) == other.ask(5)


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(loss=losses, results=results_in_two_orders(min_size=36), pending=st.integers(0, 9))
def test_a_batch_is_the_same_as_one_by_one(loss, results, pending):
    """Also the lag in rescaling is the same."""
    split = 3 * len(results[0]) // 4
    first, batch = results[0][:split], results[0][split:]
    together, one_by_one = (Learner1D(None, (-1, 1), loss) for _ in range(2))
    for learner in (together, one_by_one):
        for x, y in first:
            learner.tell(x, y)
        learner.ask(pending)
    together.tell_many([x for x, _ in batch], [y for _, y in batch])
    for x, y in batch:
        one_by_one.tell(x, y)
    assert together.neighbors_combined == one_by_one.neighbors_combined
    for mine, theirs in ((together.losses, one_by_one.losses), (together.losses_combined, one_by_one.losses_combined)):
        assert mine.keys() == theirs.keys()
        np.testing.assert_allclose(list(mine.values()), list(theirs.values()), rtol=1e-9, atol=1e-15)


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(loss=losses, seed=st.integers(0, 2**32 - 1), vdim=st.integers(0, 2))
def test_every_ask_is_new_and_inside(loss, seed, vdim):
    rng = np.random.default_rng(seed)

    def function(x):
        y = math.sin(9 * x) + rng.choice([0, 0, 0, 0, math.nan, 5])
        return y if vdim == 0 else [y] * vdim

    learner = Learner1D(function, (-1, 1), loss)
    in_flight = []
    for _ in range(30):
        n = int(rng.integers(1, 30))
        taken = set(learner.data) | learner.pending_points
        points, improvements = learner.ask(n)
        assert len(points) == len(improvements) == len(set(points)) == n
        assert not taken.intersection(points)
        assert all(-1 <= x <= 1 for x in points)
        in_flight += points
        rng.shuffle(in_flight)
        told = [in_flight.pop() for _ in range(int(rng.integers(len(in_flight) + 1)))]
        learner.tell_many(told, [function(x) for x in told])
        if rng.random() < 0.1:
            learner.remove_unfinished()
            in_flight = []
        assert set(learner.neighbors_combined) == set(learner.data) | learner.pending_points
        chain = list(learner.neighbors_combined)
        assert chain == sorted(chain)
        assert list(learner.losses_combined) == list(pairwise(chain))


@pytest.mark.parametrize("loss", LOSSES[:-1])
@pytest.mark.parametrize("vdim", [1, 3])
def test_losses_of_many_intervals_are_those_of_each(loss, vdim):
    rng = np.random.default_rng(0)
    k = loss.nth_neighbors
    xs = np.sort(rng.random((200, 2 + 2 * k)), axis=1)
    ys = rng.normal(size=(200, 2 + 2 * k, vdim))
    if k:
        for rows, columns in ((slice(20), 0), (slice(10, 30), -1)):
            xs[rows, columns] = ys[rows, columns] = np.nan
    expected = []
    for row_x, row_y in zip(xs.tolist(), ys, strict=True):
        there = [not math.isnan(x) for x in row_x]
        row = row_y[:, 0].tolist() if vdim == 1 else list(row_y)
        expected.append(
            loss(
                tuple(x if t else None for x, t in zip(row_x, there, strict=True)),
                tuple(y if t else None for y, t in zip(row, there, strict=True)),
            )
        )
    np.testing.assert_allclose(loss.batch(xs, ys), expected, rtol=1e-12)
