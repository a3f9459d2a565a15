"""Whatever is asked and told in whatever order, the learners over space keep their books in order."""

import itertools
import math
import random
from collections import Counter
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from adaptive_dask.learner import learner2D, learnerND
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import LearnerND


def smooth(x):
    return math.exp(-3 * sum(t * t for t in x))


def undefined(x):
    return math.nan if sum(t * t for t in x) < 0.3 else x[0]


def infinite(x):
    return math.inf if x[0] > 0.5 else x[1]


def constant(x):
    return 1.0


def step(x):
    return float(x[0] > 0.2)


def vector(x):
    return [x[0], sum(t * t for t in x), math.sin(5 * x[1])]


def divergent(x):
    return 1 / (sum(t * t for t in x) + 1e-9)


FUNCTIONS = [smooth, undefined, infinite, constant, step, vector, divergent]
TRIANGLE_LOSSES = [
    None,
    learner2D.uniform_loss,
    learner2D.resolution_loss_function(0.02, 0.3),
    partial(learner2D.resolution_loss, min_distance=0.05),
    learner2D.minimize_triangle_surface_loss,
    learner2D.triangle_loss,
    learner2D.thresholded_loss_function(0.2, 0.8),
]
SIMPLEX_LOSSES = [
    None,
    learnerND.uniform_loss,
    learnerND.std_loss,
    learnerND.curvature_loss_function(),
    learnerND.triangle_loss,
    learnerND.interpolation_loss_function(0.01, 0.4),
]


def make(kind, seed):
    """A learner, and the volume of its scaled region."""
    function = FUNCTIONS[seed % len(FUNCTIONS)]
    if kind == "2D":
        return Learner2D(function, [(-1, 1), (-1, 2)], TRIANGLE_LOSSES[seed % len(TRIANGLE_LOSSES)]), 1
    loss = SIMPLEX_LOSSES[seed % len(SIMPLEX_LOSSES)]
    if kind == "hull":
        points = np.random.default_rng(seed).normal(size=(7, 2 + seed % 2))
        hull = ConvexHull(points)
        return LearnerND(function, hull, loss), hull.volume / np.ptp(points[hull.vertices], axis=0).prod()
    if kind == "boxes":
        return LearnerND(function, [(-1, 1)] * 3, SIMPLEX_LOSSES[seed % 3], partition="boxes"), 1
    return LearnerND(function, [(-1, 1)] * int(kind), loss, anisotropic=seed % 3 == 1), 1


def check_books(learner, volume):
    """Every loss belongs to a live simplex and is the right one; every point in flight is where it should be."""
    partition = learner._partition
    mesh, refinement = partition.mesh, partition._refinement
    slots = mesh.live_slots()
    live = set(slots.tolist())
    assert mesh.volumes(slots).sum() == pytest.approx(volume, rel=1e-9)
    for slot in range(mesh.capacity):
        assert (refinement.losses.priority(slot) >= 0) == (slot in live)
        assert slot in live or refinement.priorities.priority(slot) == -math.inf
    assert refinement._subdivisions.keys() <= mesh.slot_of.keys()
    numbers = set(learner._numbers.values())
    assert numbers == set(refinement._homes) == set(refinement._coordinates)
    for number, homes in refinement._homes.items():
        assert homes
        assert all(number in refinement._subdivisions[simplex].inside for simplex in homes)
    for simplex in list(refinement._subdivisions):
        divided = refinement._divided(simplex)
        assert all(simplex in refinement._homes[number] for number in divided.inside)
        assert sum(cell.share for cell in divided.cells) < 1 + 1e-6
    rule = partition._rule
    if rule._blank:
        assert np.array_equal(partition.losses, mesh.volumes(slots))
        return
    if isinstance(learner, Learner2D):
        assert rule._whole is None or not hasattr(learner.loss_per_triangle, "nth_neighbors")
        if rule._whole is not None:
            return
        fresh = rule._on_patch(mesh, partition.values, slots, None)
    else:
        fresh = rule._losses(mesh, partition.values, slots)
    fresh = np.where(np.isnan(fresh), 0, fresh)
    assert np.allclose(partition.losses, fresh, rtol=1e-6, atol=1e-12)


def use_at_random(learner, volume, seed, most):
    """Ask, tell, forget and compare at random; yields after every action."""
    rng = random.Random(seed)
    in_flight = []
    boxes = learner._region.bbox

    def somewhere(stretch=1.0):
        return tuple(rng.uniform(stretch * low, stretch * high) for low, high in boxes)

    while learner.npoints < most:
        action = rng.random()
        if action < 0.05:
            learner.remove_unfinished()
            in_flight = []
        elif action < 0.1:
            before = set(learner.pending_points)
            first = learner.ask(rng.randint(1, 20), tell_pending=False)
            assert learner.pending_points == before
            assert learner.ask(len(first[0]), tell_pending=False) == first
        elif action < 0.15:
            point = somewhere()
            learner.tell_pending(point)
            in_flight += [point] if point in learner.pending_points else []
        elif action < 0.25:
            corner_like = tuple(rng.choice([low, high, (low + high) / 2]) for low, high in boxes)
            point = somewhere(1.3) if action < 0.2 else corner_like
            learner.tell(point, learner.function(point))
            in_flight = [p for p in in_flight if p != point]
        elif action < 0.7:
            n = rng.choice([1, 1, 3, 16, 50]) if len(in_flight) < 100 else 1
            points, gains = learner.ask(n)
            assert len(points) == len(gains) == len(set(points)) == n
            for point in points:
                assert all(type(x) is float for x in point)
                assert point not in learner.data
                assert point not in in_flight
                assert learner.inside_bounds(point)
            in_flight += points
        else:
            rng.shuffle(in_flight)
            k = rng.randint(0, len(in_flight))
            done, in_flight = in_flight[:k], in_flight[k:]
            learner.tell_many(done, [learner.function(point) for point in done])
        assert set(in_flight) == learner.pending_points
        yield rng.random() < 0.1


CASES = [(kind, seed) for kind in ("2D", "2", "3", "hull") for seed in range(7)] + [("4", 1), ("4", 5)]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_books_are_in_order_after_anything(kind, seed):
    learner, volume = make(kind, seed)
    for now in use_at_random(learner, volume, seed, most=60 if kind == "4" else 150):
        if now:
            check_books(learner, volume)
            assert learner.loss(real=False) >= 0
            assert learner.loss() >= 0
    check_books(learner, volume)


@pytest.mark.parametrize("seed", range(4))
def test_boxes_take_anything(seed):
    learner, volume = make("boxes", seed)
    for _ in use_at_random(learner, volume, seed, most=300):
        assert learner.loss(real=False) <= learner.loss() or learner.loss() == 0


@pytest.mark.parametrize("kind", ["2D", "2", "3", "hull"])
@pytest.mark.parametrize("seed", range(3))
def test_order_and_grouping_of_tells_change_neither_data_nor_loss(kind, seed):
    learner, _ = make(kind, seed)
    rng = random.Random(seed)
    # Points in general position, so that there is one Delaunay triangulation only; the corners come with them.
    points = list(learner._bounds_points)
    while len(points) < 80:
        point = tuple(rng.uniform(low, high) for low, high in learner._region.bbox)
        if learner.inside_bounds(point):
            points.append(point)
    values = {point: smooth(point) for point in points}
    # The scale follows the data with a lag; with both extremes first there is none.
    extremes = [min(points, key=values.__getitem__), max(points, key=values.__getitem__)]
    losses = []
    for order in range(4):
        copy = learner.new()
        rng.shuffle(points)
        copy.tell_many(extremes, [values[point] for point in extremes])
        copy.loss()
        if order % 2:
            copy.ask(10)
        size = 1 + 7 * order
        for start in range(0, len(points), size):
            some = points[start : start + size]
            copy.tell_many(some, [values[point] for point in some])
            copy.loss()
        assert copy.data == values
        losses.append(copy.loss())
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("dim", [2, 3, 8])
def test_order_and_grouping_of_tells_do_not_change_boxes(dim, asked):
    bounds = [(-1, 1)] * dim
    original = LearnerND(smooth, bounds, partition="boxes")
    rng = random.Random(dim)
    points = [tuple(rng.uniform(-1, 1) for _ in range(dim)) for _ in range(200)]
    # Two that are close to each other, and some on the cuts.
    points += [tuple(x + 1e-7 * (i == 1) for i, x in enumerate(points[0])), (0.0,) * dim, (0.5,) + (0.0,) * (dim - 1)]
    if asked:
        run = [point for point in original.ask(100)[0] if point not in points]
        original.tell_many(run, map(smooth, run))
        points = original.ask(100)[0]
    values = {point: smooth(point) for point in points}
    extremes = [min(points, key=values.__getitem__), max(points, key=values.__getitem__)]
    losses = []
    for order in range(4):
        learner = LearnerND(smooth, bounds, partition="boxes")
        if asked:
            assert learner.ask(100)[0] == run
            learner.tell_many(run, map(smooth, run))
            assert set(learner.ask(100)[0]) == set(points)
        rng.shuffle(points)
        learner.tell_many(extremes, [values[point] for point in extremes])
        learner.loss()
        size = 1 + 7 * order
        for start in range(0, len(points), size):
            some = points[start : start + size]
            learner.tell_many(some, [values[point] for point in some])
            learner.loss()
            learner.loss(real=False)
        losses += [learner.loss(), learner.loss(real=False)]
    assert losses == pytest.approx([losses[0], losses[1]] * 4, rel=1e-6)


def have_faces_of_three(mesh):
    """Whether simplices overlap, by rounding. What is across such a face depends on the order of what came."""
    count = Counter(face for simplex in mesh.slot_of for face in itertools.combinations(simplex, mesh.dim))
    return max(count.values()) > 2


DISTANCES = st.tuples(st.sampled_from([-1, 1]), st.floats(4, 13)).map(lambda drawn: drawn[0] * 10 ** -drawn[1])
KINDS_AND_LOSSES = [
    ("2D", None),
    ("2D", learner2D.triangle_loss),
    ("2", learnerND.interpolation_loss_function()),
    ("3", learnerND.triangle_loss),
]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "loss"), KINDS_AND_LOSSES)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_points_close_to_edges_and_to_each_other(kind, loss, data):
    """Nothing raises, and losses that were brought up to date bit by bit are those of a copy, computed at once."""
    learner = Learner2D(smooth, [(0, 1)] * 2, loss) if kind == "2D" else LearnerND(smooth, [(0, 1)] * int(kind), loss)
    values = random.Random(data.draw(st.integers(0, 99)))
    for _ in range(8):
        points, _ = learner.ask(data.draw(st.integers(0, 9)))
        near = data.draw(st.sampled_from([(0.0,) * learner.ndim, (1.0,) * learner.ndim, *list(learner.data)[-5:]]))
        steps = [data.draw(st.one_of(DISTANCES, st.sampled_from([0.0, 0.5]))) for _ in near]
        point = tuple(min(1.0, max(0.0, abs(x - step))) for x, step in zip(near, steps, strict=True))
        if data.draw(st.booleans()):
            learner.tell_pending(point)
            learner.ask(2)
        points = list(dict.fromkeys([*points, point]))
        learner.tell_many(points, [values.random() for _ in points])
        partition = learner._partition  # takes in what was told
        copy = learner.new()
        copy.copy_from(learner)
        ours, theirs = (
            dict(zip(each.mesh.slot_of, each.losses.tolist(), strict=True)) for each in (partition, copy._partition)
        )
        assert ours.keys() == theirs.keys()
        if have_faces_of_three(partition.mesh):
            return
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)
