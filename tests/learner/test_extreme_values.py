"""Values near the limits of numbers, and values that differ by rounding errors only, for all learners."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adaptive_dask.learner.average_learner import AverageLearner
from adaptive_dask.learner.average_learner1D import AverageLearner1D
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.learner.learner2D import Learner2D, minimize_triangle_surface_loss, triangle_loss
from adaptive_dask.learner.learnerND import LearnerND, curvature_loss_function, std_loss
from adaptive_dask.learner.rational_learner1D import RationalLearner1D
from adaptive_dask.learner.sparse_grid_learner import SparseGridLearner
from adaptive_dask.runner.sequential import simple

Make = Callable[[Callable[[float], float]], Any]

LEARNERS: dict[str, Make] = {
    "Learner1D": lambda f: Learner1D(f, (0, 1)),
    "Learner1D-vector": lambda f: Learner1D(lambda x: np.array([f(x), f(x)]), (0, 1)),
    "Learner2D": lambda f: Learner2D(lambda p: f(p[0]), [(0, 1)] * 2),
    "Learner2D-vector": lambda f: Learner2D(lambda p: [f(p[0]), f(p[1])], [(0, 1)] * 2),
    "Learner2D-surface": lambda f: Learner2D(lambda p: f(p[0]), [(0, 1)] * 2, minimize_triangle_surface_loss),
    "LearnerND": lambda f: LearnerND(lambda p: f(p[0]), [(0, 1)] * 2),
    "LearnerND-std": lambda f: LearnerND(lambda p: f(p[0]), [(0, 1)] * 2, std_loss),
    "LearnerND-curvature": lambda f: LearnerND(lambda p: f(p[0]), [(0, 1)] * 2, curvature_loss_function()),
    "LearnerND-3D": lambda f: LearnerND(lambda p: f(p[0]), [(0, 1)] * 3),
    "LearnerND-boxes": lambda f: LearnerND(lambda p: f(p[0]), [(0, 1)] * 3, partition="boxes"),
    "LearnerND-boxes-std": lambda f: LearnerND(lambda p: f(p[0]), [(0, 1)] * 3, std_loss, partition="boxes"),
}


def sampled(make: Make, f: Callable[[float], float], npoints: int = 70) -> Any:
    learner = make(f)
    simple(learner, npoints_goal=npoints)
    return learner


def wave(x: float) -> float:
    return math.sin(7 * x) * math.exp(-x)


@pytest.mark.long
@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-600, 2.0**600, 2.0**1023])
@pytest.mark.parametrize("kind", LEARNERS)
def test_losses_do_not_depend_on_the_unit_of_the_values(kind: str, scale: float) -> None:
    plain, scaled = sampled(LEARNERS[kind], wave), sampled(LEARNERS[kind], lambda x: scale * wave(x))
    assert scaled.loss() == pytest.approx(plain.loss(), rel=1e-6)
    assert list(scaled.data) == list(plain.data)


@pytest.mark.parametrize("kind", LEARNERS)
def test_the_largest_numbers(kind: str) -> None:
    learner = sampled(LEARNERS[kind], lambda x: math.copysign(1.7e308, x - 0.3))
    assert 0 < learner.loss() < 5
    flat = sampled(LEARNERS[kind], lambda x: 1.7e308)
    assert 0 < flat.loss() < 1


def test_a_loss_of_values_as_they_are() -> None:
    learner = Learner2D(lambda p: math.copysign(1.7e308, p[0] - 0.3), [(0, 1)] * 2, triangle_loss)
    simple(learner, npoints_goal=50)
    assert 1e300 < learner.loss() < math.inf


def unity(x: float) -> float:
    return math.sin(7 * x) ** 2 + math.cos(7 * x) ** 2


@pytest.mark.long
@pytest.mark.parametrize("size", [1e-300, 1.0, 1e17, 1e300])
@pytest.mark.parametrize("kind", LEARNERS)
def test_rounding_noise_is_constant(kind: str, size: float) -> None:
    noisy = sampled(LEARNERS[kind], lambda x: size * unity(x), 100)
    assert np.ptp(np.array(list(noisy.data.values()))) > 0
    flat = sampled(LEARNERS[kind], lambda x: size, 100)
    assert noisy.loss() < 2 * flat.loss()
    xs = np.sort([x[0] if isinstance(x, tuple) else x for x in noisy.data])
    assert np.diff(xs).max() < 0.3


def test_rounding_noise_of_means_is_constant() -> None:
    learner = AverageLearner1D(lambda sx: unity(sx[1]), (0, 1), min_samples=2)
    simple(learner, npoints_goal=100)
    assert np.diff(np.sort(list(learner.data))).max() < 0.04
    assert learner.loss() < 0.04


def test_what_is_more_than_rounding_noise_is_not() -> None:
    learner = Learner1D(lambda x: unity(x) + 1e-9 * (x > 0.3), (0, 1))
    simple(learner, npoints_goal=60)
    assert np.diff(np.sort(list(learner.data))).min() < 1e-6
    at_once = learner.new()
    at_once.tell_many(learner.data.keys(), learner.data.values())
    assert at_once.loss() == pytest.approx(learner.loss())
    one_by_one = learner.new()
    for x, y in learner.data.items():
        one_by_one.tell(x, y)
    assert one_by_one.loss() == pytest.approx(learner.loss())


@pytest.mark.parametrize("size", [5e-320, 1e-300, 1e-170, 1e170, 1e300])
@pytest.mark.parametrize("at_once", [False, True])
def test_the_error_of_a_mean(size: float, at_once: bool) -> None:
    values = [1 + 0.618 * i % 1 for i in range(30)]
    learner = AverageLearner(abs, rtol=0.1)
    samples = AverageLearner1D(lambda sx: 0.0, (0, 1))
    if at_once:
        learner.tell_many(range(30), [size * value for value in values])
        samples.tell_many_at_point(0.0, {i: size * value for i, value in enumerate(values)})
    else:
        for i, value in enumerate(values):
            learner.tell(i, size * value)
            samples.tell((i, 0.0), size * value)
    std = float(np.std(values, ddof=1))
    assert learner.std == pytest.approx(size * std, rel=1e-3)
    assert learner.loss() == pytest.approx(std / math.sqrt(30) / np.mean(values) / 0.1, rel=1e-3)
    assert 0.4 * size * std < samples.error[0.0] < 0.6 * size * std


def test_deviations_of_very_different_sizes() -> None:
    for values in ([1e-200, 2e-200, 1e150, 3e-200], [1e200, 1e-200, 2e-200], [0.0, 0.0, 1e-200, 1.0]):
        learner = AverageLearner(abs, atol=1)
        for i, value in enumerate(values):
            learner.tell(i, value)
            learner.loss()
        largest = max(values)
        expected = largest * float(np.std([value / largest for value in values], ddof=1))
        assert learner.std == pytest.approx(expected)


@pytest.mark.parametrize("make", [lambda f: Learner1D(f, (0, 1)), lambda f: AverageLearner1D(f, (0, 1))])
def test_bounds_that_were_only_asked_for_are_not_known(make: Callable[..., Any]) -> None:
    learner = make(abs)
    is_sampled = isinstance(learner, AverageLearner1D)

    def at(x: float) -> Any:
        return (0, x) if is_sampled else x

    learner.tell_pending(at(0.0))
    learner.tell_pending(at(1.0))
    for x in (0.25, 0.5, 0.75):
        learner.tell(at(x), 1.0)
    assert learner.loss() == math.inf
    learner.tell(at(0.0), 1.0)
    assert learner.loss() == math.inf
    learner.tell(at(1.0), 1.0)
    assert learner.loss() < 1


@pytest.mark.parametrize("kind", ["Learner2D", "LearnerND", "LearnerND-3D"])
def test_corners_that_were_only_asked_for_are_not_known(kind: str) -> None:
    learner = LEARNERS[kind](abs)
    corners, _ = learner.ask(2**learner.ndim)
    learner.tell((0.5,) * learner.ndim, 1.0)
    for corner in corners:
        assert learner.loss() == math.inf
        learner.tell(corner, 1.0)
    assert learner.loss() < 1


def test_a_grid_of_points_that_are_very_close() -> None:
    learner = Learner2D(lambda p: p[0], [(0, 1)] * 2)
    for point in [(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5), (0.5 + 1e-7, 0.5), (0.5, 0.5 + 1e-7)]:
        learner.tell(point, point[0])
    xs, ys, values = learner.interpolated_on_grid()
    assert len(xs) == len(ys) == len(values) == 1000
    assert sys.getsizeof(values) < 10**7
    assert learner.interpolated_on_grid(n=7)[2].shape == (7, 7)


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
@pytest.mark.parametrize(
    "learner",
    [SparseGridLearner(None, [(0, 1)] * 2), RationalLearner1D(None, (0, 1))],
    ids=lambda each: type(each).__name__,
)
def test_values_whose_range_does_not_fit_a_float_are_not_known(learner: Any) -> None:
    for _ in range(30):
        (x,), _ = learner.ask(1)
        learner.tell(x, 1e308 if np.sum(x) > 0.5 else -1e308)
    assert learner.loss() == math.inf
    assert not learner.done()
