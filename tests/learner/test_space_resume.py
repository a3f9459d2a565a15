"""A learner over space that was saved goes on exactly as it would have without, ties and all."""

import math
import pickle
import random

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from adaptive_dask.learner import learner2D, learnerND
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import LearnerND


def even(x):
    """The same in all corners and along all axes, so that there are ties everywhere."""
    return math.exp(-3 * sum(t * t for t in x))


def partly(x):
    return math.nan if x[0] > 0.4 else x[1]


def vector(x):
    return [x[0] * x[1], math.cos(4 * x[0])]


def gap(simplex, values, value_scale):
    """A loss of a user's, one simplex at a time."""
    return float(np.ptp(values) + np.ptp(simplex[:, 0]))


SQUARE = [(-1, 1), (-1, 1)]
MAKERS = {
    "2D": lambda: Learner2D(even, SQUARE),
    "2D of vectors": lambda: Learner2D(vector, SQUARE),
    "2D, undefined": lambda: Learner2D(partly, SQUARE),
    "2D, neighbours": lambda: Learner2D(even, SQUARE, learner2D.triangle_loss),
    "2D, of a user": lambda: Learner2D(even, SQUARE, lambda ip: np.sqrt(learner2D.areas(ip))),
    "ND in 2": lambda: LearnerND(even, SQUARE),
    "ND in 3": lambda: LearnerND(even, [(-1, 1)] * 3),
    "ND, undefined": lambda: LearnerND(partly, [(-1, 1)] * 3),
    "ND, neighbours": lambda: LearnerND(even, [(-1, 1)] * 3, learnerND.interpolation_loss_function()),
    "ND, std": lambda: LearnerND(vector, [(-1, 1)] * 3, learnerND.std_loss),
    "ND, of a user": lambda: LearnerND(even, SQUARE, gap),
    "ND, anisotropic": lambda: LearnerND(even, SQUARE, anisotropic=True),
    "ND in 4": lambda: LearnerND(even, [(-1, 1)] * 4),
    "hull": lambda: LearnerND(even, ConvexHull(np.random.default_rng(0).normal(size=(9, 3)))),
}


def go_on(learner, n, seed):
    """Ask and tell at random until there are n points; returns all that was asked."""
    rng = random.Random(seed)
    in_flight, asked = [], []
    while learner.npoints < n:
        points, _ = learner.ask(16 - len(in_flight))
        asked += points
        in_flight += points
        rng.shuffle(in_flight)
        k = rng.randint(1, len(in_flight))
        done, in_flight = in_flight[:k], in_flight[k:]
        learner.tell_many(done, [learner.function(point) for point in done])
    return asked


def saved_and_loaded(learner, tmp_path):
    learner.save(tmp_path / "data")
    copy = learner.new()
    copy.load(tmp_path / "data")
    return copy


def copied(learner, _):
    copy = learner.new()
    copy.copy_from(learner)
    return copy


def pickled(learner, _):
    return pickle.loads(pickle.dumps(learner))


def pickled_twice(learner, _):
    return pickled(pickled(learner, None), None)


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_goes_on_exactly(kind, tmp_path):
    learner = MAKERS[kind]()
    go_on(learner, 60, seed=0)
    for again in (pickled, saved_and_loaded, copied, pickled_twice):
        # Some of the results are told but not absorbed yet, a few points are in flight, and those are forgotten.
        copy = again(learner, tmp_path)
        learner.remove_unfinished()
        assert repr(copy.data) == repr(learner.data)  # repr, for NaN
        assert copy.loss() == learner.loss()
        n = learner.npoints + 100
        assert go_on(copy, n, seed=1) == go_on(learner, n, seed=1)
        assert copy.loss() == learner.loss()
    assert set(copy._partition.mesh.slot_of.items()) == set(learner._partition.mesh.slot_of.items())


def test_grids_are_triangulated_as_before():
    """Of points on a grid there are very many Delaunay triangulations."""
    learner = LearnerND(even, [(0, 1)] * 2)
    line = np.linspace(0, 1, 9)
    grid = [(x, y) for x in line for y in line]
    rng = random.Random(0)
    rng.shuffle(grid)
    for start in range(0, len(grid), 7):
        learner.tell_many(grid[start : start + 7], map(even, grid[start : start + 7]))
        learner.loss()
    fresh = learner.new()
    fresh.tell_many(learner.data.keys(), learner.data.values())
    assert fresh.tri.simplices == learner.tri.simplices, "grouping is no matter"
    fresh = learner.new()
    fresh.tell_many(*zip(*sorted(learner.data.items()), strict=True))
    assert len(fresh.tri.simplices) == len(learner.tri.simplices)
    copy = pickle.loads(pickle.dumps(learner))
    assert set(copy._partition.mesh.slot_of.items()) == set(learner._partition.mesh.slot_of.items())
    assert copy.ask(100) == learner.ask(100)


def test_boxes_stay_the_same():
    learner = LearnerND(lambda x: math.exp(-sum((t - 0.1 * i) ** 2 for i, t in enumerate(x))), [(-1, 1)] * 7)
    # The largest values come first, or boxes would be brought up to date with the range bit by bit, in a copy at once.
    for point in ([0.1 * i for i in range(7)], [-1] * 7):
        learner.tell(point, learner.function(point))
    go_on(learner, 400, seed=0)
    copy = pickle.loads(pickle.dumps(learner))
    learner.remove_unfinished()
    assert copy.loss() == learner.loss()
    assert go_on(copy, 440, seed=1) == go_on(learner, 440, seed=1)


def test_what_others_add_to_a_copy_comes_after():
    learner = MAKERS["2D"]()
    go_on(learner, 50, seed=0)
    copy = pickle.loads(pickle.dumps(learner))
    copy.tell((0.123, 0.456), 0.5)
    learner.remove_unfinished()
    learner.tell((0.123, 0.456), 0.5)
    assert copy.ask(20) == learner.ask(20)
    # Data that come to others take no triangulation with them.
    other = MAKERS["2D"]()
    other.tell((0.5, 0.25), 0.1)
    other.copy_from(learner)
    assert other.npoints == learner.npoints + 1
    assert len(other.ask(20)[0]) == 20


def test_a_changed_aspect_ratio_starts_over():
    learner = MAKERS["2D"]()
    go_on(learner, 50, seed=0)
    copy = pickle.loads(pickle.dumps(learner))
    copy.aspect_ratio = 2.0
    assert len(copy.ask(20)[0]) == 20
    learner.aspect_ratio = 2.0
    assert pickle.loads(pickle.dumps(learner)).data == learner.data


def whole(ip):
    """A loss of the whole triangulation."""
    sizes = learner2D.areas(ip)
    return sizes / sizes.max()


@pytest.mark.long
@pytest.mark.parametrize(
    "other",
    [
        lambda: Learner2D(even, [(-1, 1), (-1, 2)]),
        lambda: Learner2D(even, [(-0.5, 0.5), (-0.5, 0.5)]),
        lambda: Learner2D(even, SQUARE, whole),
        lambda: Learner2D(even, SQUARE, learner2D.triangle_loss),
        lambda: LearnerND(even, SQUARE),
        lambda: LearnerND(even, SQUARE, partition="boxes"),
        lambda: LearnerND(even, ConvexHull([(-1, -1), (1, -1), (0, 1.0)])),
    ],
)
@pytest.mark.parametrize("of_whole", [False, True])
def test_data_of_other_regions_and_losses_are_just_data(other, of_whole):
    learner = Learner2D(even, SQUARE, whole) if of_whole else MAKERS["2D"]()
    go_on(learner, 60, seed=0)
    copy = other()
    copy._set_data(learner._get_data())
    told = other()
    told.tell_many(learner.data.keys(), learner.data.values())
    assert copy.data == told.data
    assert copy.loss() == pytest.approx(told.loss(), rel=0.3)  # where it is the same region, the scale may lag
    n = copy.npoints + 50
    assert len(set(go_on(copy, n, seed=1))) >= 50
    assert copy.loss() < math.inf


def test_a_learner_that_was_asked_before_takes_data_too():
    learner = MAKERS["2D"]()
    go_on(learner, 60, seed=0)
    copy = learner.new()
    copy.ask(3)
    copy.copy_from(learner)
    assert copy.data == learner.data
    assert copy.loss() == pytest.approx(learner.loss(), rel=0.3)
    assert len(copy.ask(20)[0]) == 20


def test_a_point_that_was_shown_becomes_pending_as_if_it_had_been_asked_for():
    shown, asked = (LearnerND(even, [(-1, 1)] * 3) for _ in range(2))
    for step in range(60):
        (point,), gain = shown.ask(1, tell_pending=False)
        if step % 4 == 3:  # then the point is placed as any other
            shown.ask(5, tell_pending=False)
        shown.tell_pending(point)
        assert asked.ask(1) == ([point], gain)
        if step % 3 == 2:
            for learner in (shown, asked):
                learner.tell(point, learner.function(point))
    assert shown.pending_points == asked.pending_points
    assert shown.loss(real=False) == pytest.approx(asked.loss(real=False))
