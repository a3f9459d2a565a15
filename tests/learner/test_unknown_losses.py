"""A loss function that does not know: NaN is infinite, and what is no number is refused with its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adaptive_dask import AverageLearner1D, BalancingLearner, DataSaver, Learner1D, Learner2D, LearnerND, simple

Make = Callable[[Any], Any]


def peak(x: Any) -> float:
    return float(np.tanh(20 * (np.sum(x) - 0.3)))


def noisy(seed_x: tuple[int, float]) -> float:
    return peak(seed_x[1])


KINDS: dict[str, Make] = {
    "Learner1D": lambda loss: Learner1D(peak, (-1, 1), loss_per_interval=loss),
    "AverageLearner1D": lambda loss: AverageLearner1D(noisy, (-1, 1), loss_per_interval=loss, min_samples=2),
    "Learner2D": lambda loss: Learner2D(peak, [(-1, 1)] * 2, loss_per_triangle=loss),
    "LearnerND": lambda loss: LearnerND(peak, [(-1, 1)] * 2, loss_per_simplex=loss),
    "boxes": lambda loss: LearnerND(peak, [(-1, 1)] * 2, loss_per_simplex=loss, partition="boxes"),
}
KINDS |= {
    "DataSaver": lambda loss: DataSaver(KINDS["Learner2D"](loss), lambda y: y),
    "BalancingLearner": lambda loss: BalancingLearner([KINDS["Learner1D"](loss), KINDS["Learner1D"](loss)]),
}
PLACES = {
    "Learner1D": r"the interval \(-1.0, 1.0\)",
    "AverageLearner1D": r"the interval \(-1.0, 1.0\)",
    "BalancingLearner": r"the interval \(-1.0, 1.0\)",
    "Learner2D": r"\d triangles",
    "DataSaver": r"\d triangles",
    "LearnerND": r"the simplex \[\[",
    "boxes": r"the simplex \[\[",
}


def always(value: Any) -> Any:
    return lambda *args: value


def for_each_triangle(value: Any) -> Any:
    return lambda ip: np.full(len(ip.tri.simplices), value)


def loss_of(name: str, value: Any) -> Any:
    return for_each_triangle(value) if name in ("Learner2D", "DataSaver") else always(value)


@pytest.mark.parametrize("name", KINDS)
def test_nan_is_unknown_everywhere(name: str) -> None:
    learner = KINDS[name](loss_of(name, math.nan))
    simple(learner, goal=lambda each: each.npoints >= 60 or (each.loss() < 1e9 and each.npoints > 4))
    assert learner.npoints >= 60
    assert learner.loss() == math.inf
    places = np.array([x[1] if name == "BalancingLearner" else x for x in learner.data])
    # The largest of what is unknown comes first: nothing is left out.
    spread = np.histogram(places if places.ndim == 1 else places[:, 0], bins=4, range=(-1, 1))[0]
    assert spread.min() >= 8


@pytest.mark.parametrize("name", ["Learner1D", "AverageLearner1D"])
def test_a_region_of_unknown_loss_is_never_learned(name: str) -> None:
    learner = KINDS[name](lambda xs, ys: math.nan if xs[0] > 0.1 else 1e-6)
    simple(learner, goal=lambda each: each.npoints >= 200)
    assert learner.loss() == math.inf
    assert sum(x > 0.2 for x in learner.data) > 80


@pytest.mark.parametrize("name", ["Learner2D", "LearnerND"])
def test_triangles_of_unknown_loss_are_never_learned(name: str) -> None:
    def of_triangles(ip: Any) -> Any:
        centres = ip.tri.points[ip.tri.simplices].mean(axis=1)
        return np.where(centres[:, 0] > 0, np.nan, 1e-6)

    def of_simplex(simplex: Any, values: Any, scale: float) -> float:
        return math.nan if simplex[:, 0].mean() > 0 else 1e-6

    learner = KINDS[name](of_triangles if name == "Learner2D" else of_simplex)
    simple(learner, goal=lambda each: each.npoints >= 100)
    assert learner.loss() == math.inf
    assert sum(x > 0 for x, _ in learner.data) > 60


def test_a_loss_that_becomes_known() -> None:
    known = False

    def loss(xs: Any, ys: Any) -> float:
        return float(xs[1] - xs[0]) if known else math.nan

    learner = Learner1D(peak, (-1, 1), loss_per_interval=loss)
    simple(learner, npoints_goal=5)
    assert learner.loss() == math.inf
    known = True
    learner.tell_many([], [], force=True)
    assert learner.loss() == 0.25


@pytest.mark.parametrize("value", [None, "1.0", 1j, [1.0, 2.0], {}], ids=repr)
@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_loss_is_refused_with_its_place(name: str, value: Any) -> None:
    learner = KINDS[name](always(value))
    with pytest.raises((TypeError, ValueError), match=PLACES[name]) as caught:
        simple(learner, npoints_goal=20)
    assert "always" in str(caught.value)
    assert learner.npoints < 20


@pytest.mark.parametrize("shape", [(), (3,), (1, 2)])
def test_losses_of_triangles_of_a_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be an array of shape \(\d+,\), got shape"):
        simple(Learner2D(peak, [(-1, 1)] * 2, loss_per_triangle=always(np.zeros(shape))), npoints_goal=20)


@pytest.mark.parametrize("value", [np.float32(0.5), np.array([0.5]), np.array(0.5), 1])
def test_losses_that_are_numbers_of_another_kind(value: Any) -> None:
    for name in ("Learner1D", "AverageLearner1D", "LearnerND", "boxes"):
        learner = KINDS[name](always(value))
        simple(learner, goal=lambda each: each.npoints >= 10)
        assert learner.loss() == float(np.ravel(value)[0])


@pytest.mark.parametrize("result", [None, np.zeros(3), np.zeros((2, 2))])
def test_batches_of_a_wrong_shape(result: Any) -> None:
    def loss(xs: Any, ys: Any) -> float:
        return 1.0

    loss.batch = lambda xs, ys: result if len(xs) > 3 else np.ones(len(xs))  # type: ignore[attr-defined]
    with pytest.raises((TypeError, ValueError), match="intervals"):
        Learner1D(peak, (-1, 1), loss_per_interval=loss).tell_many(np.linspace(-1, 1, 9), np.zeros(9))


def test_strategies_of_unknown_priority_come_first() -> None:
    children = [Learner1D(peak, (-1, 1)) for _ in range(3)]
    learner = BalancingLearner(children, strategy=lambda child: math.nan if child is children[1] else 1.0)
    simple(learner, npoints_goal=40)
    assert children[1].npoints > 20
    assert min(child.npoints for child in children) >= 2


@pytest.mark.parametrize("priority", [None, "1", 1j, [1.0, 2.0]], ids=repr)
def test_strategies_that_give_no_number(priority: Any) -> None:
    learner = BalancingLearner([Learner1D(peak, (-1, 1)) for _ in range(2)], strategy=lambda child: priority)
    with pytest.raises((TypeError, ValueError), match="learner 0, from the strategy"):
        learner.ask(1)
