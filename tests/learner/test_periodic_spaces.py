"""Periodic axes of every learner that takes them: the seam is no boundary, and a point on it is evaluated once."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask import Periodic, Space
from adaptive_dask.learner import learner1D
from adaptive_dask.learner.axes.door import TAKES
from adaptive_dask.learner.sparse_grid.selection import Judged

PERIOD = 2 * math.pi
LINE = Space(x=Periodic(0, PERIOD))
PLANE = Space(x=Periodic(0, PERIOD), y=Periodic(-math.pi, math.pi))
BOX = Space(x=Periodic(0, PERIOD), y=Periodic(-math.pi, math.pi), z=(0, 1))


def on_line(x: float) -> float:
    return math.exp(2 * math.cos(x - 0.3))


def noisy(seed: int, x: float) -> float:
    return on_line(x) + 0.1 * math.sin(1e4 * seed)


def on_plane(x: float, y: float) -> float:
    return math.exp(math.cos(x - 0.3) + math.cos(y - 3))


def in_box(x: float, y: float, z: float) -> float:
    return on_plane(x, y) * (1 + z)


LEARNERS: dict[str, tuple[Callable[[], Any], int]] = {
    "Learner1D": (lambda: adaptive.Learner1D(on_line, LINE), 60),
    "AverageLearner1D": (lambda: adaptive.AverageLearner1D(noisy, LINE, min_samples=3, max_samples=6), 150),
    "RationalLearner1D": (lambda: adaptive.RationalLearner1D(on_line, LINE), 25),
    "Learner2D": (lambda: adaptive.Learner2D(on_plane, PLANE), 100),
    "LearnerND": (lambda: adaptive.LearnerND(in_box, BOX), 80),
    "LearnerND, boxes": (lambda: adaptive.LearnerND(in_box, BOX, partition="boxes"), 60),
    "SparseGridLearner": (lambda: adaptive.SparseGridLearner(in_box, BOX), 80),
    "SKOptLearner": (lambda: adaptive.SKOptLearner(on_plane, PLANE, n_initial_points=100), 40),
}


def run(name: str, learner: Any, seed: int = 0) -> list[Any]:
    """Ask and tell at random; returns what was asked."""
    rng, asked, in_flight = random.Random(seed), [], []
    while len(asked) < LEARNERS[name][1]:
        points, _ = learner.ask(rng.choice([1, 2, 7]))
        assert points
        asked += points
        in_flight += points
        rng.shuffle(in_flight)
        k = rng.randint(0, len(in_flight))
        told, in_flight = in_flight[:k], in_flight[k:]
        if rng.random() < 0.5:
            learner.tell_many(told, map(learner.function, told))
        else:
            for x in told:
                learner.tell(x, learner.function(x))
    learner.tell_many(in_flight, map(learner.function, in_flight))
    return asked


def coordinates(learner: Any, point: Any) -> tuple[float, ...]:
    if isinstance(learner.learner, adaptive.AverageLearner1D):
        return (point[1],)
    return point if isinstance(point, tuple) else (point,)


def test_every_learner_that_takes_them_is_tested() -> None:
    assert {name.split(",")[0] for name in LEARNERS} == {n for n, takes in TAKES.items() if Periodic in takes.axes}


@pytest.mark.parametrize("name", LEARNERS)
def test_each_point_is_evaluated_once_and_within_the_bounds(name: str) -> None:
    learner = LEARNERS[name][0]()
    asked = run(name, learner)
    assert len(set(asked)) == len(asked)
    for point in asked:
        for axis, x in zip(learner.space.numeric, coordinates(learner, point), strict=True):
            assert axis.low <= x < axis.high or (x == axis.high and not isinstance(axis, Periodic))
    assert not learner.pending_points
    if isinstance(learner.learner, adaptive.AverageLearner1D):
        assert learner.nsamples == len(asked)
        assert set(learner.data) == {x for _, x in asked}
    else:
        assert learner.npoints == len(asked)
        assert set(learner.data) == set(asked)


@pytest.mark.parametrize("name", LEARNERS)
def test_copies_continue_alike(name: str, tmp_path: Path) -> None:
    learner = LEARNERS[name][0]()
    run(name, learner)
    learner.save(tmp_path / "data")
    copies = [pickle.loads(pickle.dumps(learner)), learner.new(), learner.new()]
    copies[1].copy_from(learner)
    copies[2].load(tmp_path / "data")
    for copy in copies:
        assert list(copy.data.items()) == list(learner.data.items())
        points = copy.ask(7)[0]
        assert set(points).isdisjoint(learner.data)
        for point in points:
            assert all(a.low <= x <= a.high for a, x in zip(BOX.numeric, coordinates(copy, point), strict=False))


# The minimum of a SKOptLearner has no interpolator.
@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "SKOptLearner"])
def test_interpolators_go_across(name: str) -> None:
    learner = LEARNERS[name][0]()
    run(name, learner)
    ip = learner.interpolator()
    named = {axis: np.full(50, 0.4) for axis in learner.space.names}
    for axis, kind in zip(learner.space.names, learner.space.numeric, strict=True):
        if isinstance(kind, Periodic) and len(named) > 1:
            others = {k: v for k, v in named.items() if k != axis}
            low, high, below = (
                ip(**{axis: np.full(50, x)}, **others) for x in (kind.low, kind.high, kind.low - PERIOD)
            )
            assert low == pytest.approx(high)
            assert low == pytest.approx(below)
    if len(named) == 1:
        low, high = ip(x=np.array([0.0, PERIOD]))
        assert low == pytest.approx(high, rel=1e-6)
        assert ip(x=np.array([0.7])) == pytest.approx(ip(x=np.array([0.7 - PERIOD])))


def extent(numbers: Any) -> float:
    return float(np.ptp([each for each in numbers if each is not None]))


LOSSES = {
    "curvature": learner1D.curvature_loss_function(),
    "interpolation": learner1D.interpolation_loss_function(),
    "of a user": learner1D.uses_nth_neighbors(2)(lambda xs, ys: extent(xs) + extent(ys)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("at_once", [False, True])
def test_losses_of_intervals_see_neighbours_across_the_seam(loss: str, at_once: bool) -> None:
    """So they do not depend on where the seam is."""
    xs = [0, 1, 2.5, 3, 5, 6, 7.5]
    found = []
    for shift in xs:
        learner: Any = adaptive.Learner1D(
            lambda x, shift: math.sin(2 * math.pi * (x + shift) / 8) + 0.1 * ((x + shift) % 8 - 3) ** 2,
            Space(x=Periodic(0, 8), shift=shift),
            loss_per_interval=LOSSES[loss],
        )
        learner.learner._recompute_losses_factor = 1.0  # so that losses do not depend on the order either
        points = [(x - shift) % 8 for x in xs]
        random.Random(shift).shuffle(points)
        if at_once:
            learner.tell_many(points, map(learner.function, points))
        else:
            for x in points:
                learner.tell(x, learner.function(x))
        found.append({round((a + shift) % 8, 9): value for (a, _), value in learner.learner.losses.items()})
    for each in found[1:]:
        assert each == pytest.approx(found[0])
    assert all(map(math.isfinite, found[0].values())) or loss == "interpolation"


def test_results_of_both_sides_count_for_both() -> None:
    learner: Any = adaptive.RationalLearner1D(on_line, LINE)
    adaptive.simple(learner, goal=lambda learner: learner.done())
    x = np.linspace(0, PERIOD, 1001)
    errors = abs(learner.interpolator()(x) - np.exp(2 * np.cos(x - 0.3)))
    assert errors.max() < 1e-4
    assert len(learner.to_numpy()) == learner.npoints < learner.learner.npoints
    assert learner.bounds == (0, PERIOD)
    many: Any = adaptive.AverageLearner1D(noisy, LINE)
    many.tell_many([(0, PERIOD), (1, 0.0), (1, -PERIOD)], [1.0, 2.0, 3.0])
    assert many.data == {0.0: 1.5}
    assert many.nsamples == 2
    assert many.learner.data == {0.0: 1.5, PERIOD: 1.5}


@pytest.mark.long
def test_a_minimum_at_the_seam_is_found() -> None:
    learner: Any = adaptive.SKOptLearner(lambda x: -math.cos(x + 0.01), LINE, random_state=0)
    adaptive.simple(learner, npoints_goal=20)
    assert min(learner.data.values()) < -0.999


# Where the peak of a function is along each axis, in units of its shift: not always on a seam.
PLACES = np.array([1.0, 0.7, -1.0])


def errors_beside_the_seam(make: Any, ndim: int, n: int, shifts: int) -> tuple[float, float]:
    """The largest errors within a twentieth of the period from a seam, and elsewhere, on average over functions."""
    points = np.random.default_rng(0).random((20_000, ndim)) * PERIOD
    at_seam = (np.minimum(points, PERIOD - points) < PERIOD / 20).any(axis=1)
    largest = []
    for shift in np.arange(shifts) * PERIOD / shifts:
        names = "xyz"[:ndim]

        def f(*, shift: float, **named: float) -> float:
            return math.exp(
                1.5 * sum(math.cos(x - k * shift) - 1 for k, x in zip(PLACES, named.values(), strict=False))
            )

        space = Space({name: Periodic(0, PERIOD) for name in names} | {"shift": float(shift)})
        learner = make(f, space)
        adaptive.simple(learner, npoints_goal=n)
        truth = np.exp(1.5 * (np.cos(points - shift * PLACES[:ndim]) - 1).sum(axis=1))
        errors = abs(np.ravel(learner.interpolator()(points)) - truth)
        largest.append((errors[at_seam].max(), errors[~at_seam].max()))
    seam, elsewhere = np.mean(largest, axis=0)
    return float(seam), float(elsewhere)


def in_boxes(f: Any, space: Space) -> Any:
    return adaptive.LearnerND(f, space, partition="boxes")


def test_boxes_use_points_beyond_the_seam() -> None:
    seam, elsewhere = errors_beside_the_seam(in_boxes, 2, 200, 3)
    assert seam <= 2 * elsewhere  # 11 times without; see also the long test


def test_radial_functions_of_a_sparse_grid_go_across() -> None:
    learner: Any = adaptive.SparseGridLearner(on_plane, PLANE)
    adaptive.simple(learner, npoints_goal=100)
    learner.learner._known.best = lambda: Judged("radial", "cubic", 1.0, 1.0)  # not the best for a smooth function
    ip = learner.interpolator()
    y = np.linspace(-3, 3, 20)
    assert ip(x=0.0, y=y) == pytest.approx(ip(x=PERIOD * (1 - 1e-12), y=y))
    assert ip(x=0.0, y=y) == pytest.approx(np.exp(np.cos(0.3) + np.cos(y - 3)), abs=0.4)


def test_a_sparse_grid_uses_periodic_functions() -> None:
    """Polynomials have an error of 1e-2 after as many points."""
    learner: Any = adaptive.SparseGridLearner(
        lambda x, y: math.sin(3 * x + 2 * y) + math.cos(x - 2), Space(x=Periodic(0, PERIOD), y=Periodic(0, PERIOD))
    )
    adaptive.simple(learner, npoints_goal=150)
    for each in (learner, pickle.loads(pickle.dumps(learner))):
        x, y = np.random.default_rng(0).random((2, 500)) * PERIOD
        assert each.interpolator()(x=x, y=y) == pytest.approx(np.sin(3 * x + 2 * y) + np.cos(x - 2), abs=1e-8)
        assert learner.mean().value == pytest.approx(0, abs=1e-8)
        assert learner.variance().value == pytest.approx(1, abs=1e-8)
    adaptive.simple(again := learner.new(), npoints_goal=150)
    assert again.data == learner.data


@pytest.mark.long
@pytest.mark.parametrize(
    ("make", "ndim", "n", "shifts"),
    [
        (adaptive.Learner2D, 2, 400, 6),
        (adaptive.LearnerND, 2, 400, 6),
        (adaptive.LearnerND, 3, 800, 4),
        (in_boxes, 2, 400, 6),
        (in_boxes, 3, 800, 4),
    ],
)
def test_the_error_at_the_seam_is_that_elsewhere(make: Any, ndim: int, n: int, shifts: int) -> None:
    seam, elsewhere = errors_beside_the_seam(make, ndim, n, shifts)
    assert seam <= 1.2 * elsewhere
