"""What every learner over a continuous domain gives as the function that it knows."""

from __future__ import annotations

import functools
import math
import pickle

import dask.array
import numpy as np
import pytest
from scipy.spatial import ConvexHull

import adaptive_dask as adaptive


def line(x):
    return math.sin(3 * x) + 0.1 * x


def plane(point):
    return math.exp(-sum(x**2 for x in point)) + point[0]


def vector(point):
    return np.array([[plane(point), point[0]]])


def noisy(seed_and_x):
    seed, x = seed_and_x
    return line(x) + 0.1 * np.random.default_rng([seed, int(1e6 * (x + 1))]).normal()


BOX = [(-1, 1), (-1, 1)]
HULL = ConvexHull([[-1, -1], [1, -1], [0, 1]])
LEARNERS = {
    "Learner1D": lambda: adaptive.Learner1D(line, (-1, 1)),
    "Learner1D of vectors": lambda: adaptive.Learner1D(lambda x: [line(x), x], (-1, 1)),
    "AverageLearner1D": lambda: adaptive.AverageLearner1D(noisy, (-1, 1), min_samples=5),
    "IntegratorLearner": lambda: adaptive.IntegratorLearner(line, (-1, 1), tol=1e-12),
    "Learner2D": lambda: adaptive.Learner2D(plane, BOX),
    "Learner2D of arrays": lambda: adaptive.Learner2D(vector, BOX),
    "LearnerND, 1-D": lambda: adaptive.LearnerND(plane, [(-1, 1)]),
    "LearnerND, 2-D": lambda: adaptive.LearnerND(plane, BOX),
    "LearnerND, hull": lambda: adaptive.LearnerND(plane, HULL),
    "LearnerND, 3-D of arrays": lambda: adaptive.LearnerND(vector, [(-1, 1)] * 3),
    "LearnerND, 6-D": lambda: adaptive.LearnerND(plane, [(-1, 1)] * 6),
}
TOLERANCE = {"AverageLearner1D": 0.3, "LearnerND, 6-D": 2.0, "LearnerND, 3-D of arrays": 0.2}


@functools.cache
def learned(name):
    learner = LEARNERS[name]()
    n = 30 if name == "AverageLearner1D" else 150  # it samples each point many times
    adaptive.simple(learner, goal=lambda learner: learner.npoints >= n, points_per_ask=5)
    return learner


def cases(name, learner, n):
    """Points inside, and what the function is there."""
    rng = np.random.default_rng(0)
    point = next(iter(learner.data))
    if isinstance(point, float):
        x = rng.uniform(-1, 1, n)
        function = line if name != "Learner1D of vectors" else lambda x: [line(x), x]
        return x, np.array([function(each) for each in x])
    x = rng.uniform(-0.3, 0.3, (n, len(point)))
    return x, np.array([learner.function(tuple(each)) for each in x])


@pytest.mark.parametrize("smooth", [False, True, "auto"])
@pytest.mark.parametrize("name", LEARNERS)
def test_values_errors_and_shapes(name, smooth):
    learner = learned(name)
    interpolator = pickle.loads(pickle.dumps(learner.interpolator(smooth=smooth)))
    x, exact = cases(name, learner, 200)
    values = interpolator(x)
    assert values.shape == interpolator.error(x).shape == exact.shape
    assert np.abs(values - exact).max() < TOLERANCE.get(name, 0.05)
    assert (interpolator.error(x) >= 0).all()
    outside = np.full_like(x[:3], 7.0)
    assert np.isnan(interpolator(outside)).all()
    assert interpolator(x[:0]).shape == (0, *exact.shape[1:])


@pytest.mark.parametrize("name", LEARNERS)
def test_the_bounds_are_inside(name):
    learner = learned(name)
    if name == "LearnerND, 6-D":
        return  # of its 64 corners few are told
    corners = np.array([point for point in learner.data if np.abs(point).max() == 1])
    assert len(corners)
    values = [learner.data[tuple(each) if each.shape else float(each)] for each in corners]
    assert np.allclose(learner.interpolator(smooth=False)(corners), values)


@pytest.mark.parametrize("name", ["Learner1D", "AverageLearner1D", "Learner2D", "LearnerND, 3-D of arrays"])
def test_errors_are_of_the_right_size(name):
    learner = learned(name)
    x, exact = cases(name, learner, 2000)
    interpolator = learner.interpolator()
    claimed, true = np.mean(interpolator.error(x)), np.mean(np.abs(interpolator(x) - exact))
    assert 0.2 < claimed / true < 10


def test_blocks_of_an_array_are_computed_with_it():
    interpolator = learned("Learner2D").interpolator(smooth="auto")
    x, _ = cases("", learned("Learner2D"), 100)
    blocks = dask.array.from_array(x, chunks=(30, 2)).map_blocks(interpolator, drop_axis=1, dtype=float)
    assert (blocks.compute(scheduler="sync") == interpolator(x)).all()


def test_auto_takes_what_predicts_better():
    smooth = learned("Learner2D")
    assert smooth.interpolator(smooth="auto").kind == "clough-tocher"

    def ring(point):
        return point[0] + math.exp(-((point[0] ** 2 + point[1] ** 2 - 0.75**2) ** 2) / 0.2**4)

    rough = adaptive.Learner2D(ring, BOX)
    adaptive.simple(rough, npoints_goal=400)
    assert rough.interpolator(smooth="auto").kind == "linear"
    assert not learned("IntegratorLearner").interpolator(smooth=False).is_smooth
    assert learned("IntegratorLearner").interpolator().is_smooth


def test_what_cannot_be_interpolated():
    with pytest.raises(ValueError, match="needs values between its bounds"):
        adaptive.Learner1D(line, (-1, 1)).interpolator()
    with pytest.raises(ValueError, match="needs at least 4 points"):
        adaptive.LearnerND(plane, [(-1, 1)] * 3).interpolator()
    with pytest.raises(ValueError, match='smooth must be True, False or "auto"'):
        learned("Learner1D").interpolator(smooth="very")
    with pytest.raises(ValueError, match=r"x must have the shape \(n, 2\)"):
        learned("Learner2D").interpolator()(np.zeros((3, 3)))


def test_values_that_are_not_finite_stay_local():
    learner = adaptive.Learner1D(lambda x: math.nan if x == 0 else x, (-1, 1))
    learner.tell_many([-1.0, -0.5, 0.0, 0.5, 1.0], [-1.0, -0.5, math.nan, 0.5, 1.0])
    values = learner.interpolator()(np.array([-0.75, -0.25, 0.75]))
    assert np.isnan(values).tolist() == [False, True, False]
