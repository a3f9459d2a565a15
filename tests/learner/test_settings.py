"""Settings that are assigned after construction take effect at once, or say why they cannot."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
import pytest

from adaptive_dask import (
    AverageLearner,
    AverageLearner1D,
    BalancingLearner,
    DataSaver,
    IntegratorLearner,
    Learner1D,
    Learner2D,
    LearnerND,
    SequenceLearner,
    simple,
)
from adaptive_dask.learner import learner1D, learner2D, learnerND
from tests.learner.learners import LEARNERS, noisy, saved, step

LOSSES: dict[str, tuple[Callable[..., Any], str, Any]] = {
    name: (LEARNERS[name], attribute, loss)
    for names, attribute, loss in (
        (("Learner1D", "AverageLearner1D", "DataSaver"), "loss_per_interval", learner1D.uniform_loss),
        (("Learner2D", "DataSaver of Learner2D"), "loss_per_triangle", learner2D.uniform_loss),
        (("LearnerND", "boxes"), "loss_per_simplex", learnerND.uniform_loss),
    )
    for name in names
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_that_is_set_later_is_as_one_from_the_beginning(name: str) -> None:
    make, attribute, loss = LOSSES[name]
    learner, other = make(), make(**{attribute: loss})
    simple(learner, goal=lambda each: each.npoints >= 30)
    for x, y in learner._get_data().items() if name == "AverageLearner1D" else ():
        other.tell_many_at_point(x, y)
    if name != "AverageLearner1D":
        other._set_data(learner._get_data())
    before = learner.loss()
    setattr(learner, attribute, loss)
    assert getattr(learner, attribute) is loss
    assert learner.loss() == pytest.approx(other.loss(), rel=1e-9)
    assert name == "boxes" or learner.loss() != before
    assert learner.npoints == 30
    again = pickle.loads(pickle.dumps(learner))
    assert again.loss() == pytest.approx(learner.loss(), rel=1e-9)
    simple(learner, goal=lambda each: each.npoints >= 60)
    assert learner.npoints >= 60


@pytest.mark.parametrize("name", LOSSES)
def test_points_stay_pending_when_the_loss_changes(name: str) -> None:
    make, attribute, loss = LOSSES[name]
    learner = make()
    simple(learner, goal=lambda each: each.npoints >= 20)
    asked, _ = learner.ask(5)
    pending = set(learner.pending_points)
    setattr(learner, attribute, loss)
    assert learner.pending_points == pending
    assert not set(asked) & set(learner.ask(5)[0])


@pytest.mark.parametrize("name", LOSSES)
def test_what_cannot_be_a_loss_changes_nothing(name: str) -> None:
    make, attribute, _ = LOSSES[name]
    learner = make()
    simple(learner, goal=lambda each: each.npoints >= 20)
    before, loss = getattr(learner, attribute), learner.loss()
    for wrong in (3, "uniform"):
        with pytest.raises(TypeError, match=attribute):
            setattr(learner, attribute, wrong)
    assert getattr(learner, attribute) is before
    assert learner.loss() == loss
    setattr(learner, attribute, None)  # the default
    assert callable(getattr(learner, attribute))


def test_a_loss_with_neighbors_is_seen_by_them() -> None:
    learner = LearnerND(step, [(-1, 1)] * 2)
    simple(learner, npoints_goal=20)
    learner.loss_per_simplex = learnerND.curvature_loss_function()
    assert learner.nth_neighbors == 1
    assert 0 < learner.loss() < math.inf
    boxes = LearnerND(step, [(-1, 1)] * 2, partition="boxes")
    with pytest.raises(ValueError, match="no neighbors"):
        boxes.loss_per_simplex = learnerND.curvature_loss_function()
    assert boxes.nth_neighbors == 0
    one = Learner1D(step, (-1, 1))
    simple(one, npoints_goal=20)
    one.loss_per_interval = learner1D.curvature_loss_function()
    assert one.nth_neighbors == 1
    other = Learner1D(step, (-1, 1), one.loss_per_interval)
    other.tell_many(*zip(*one.data.items(), strict=True))
    assert one.losses == other.losses


@pytest.mark.parametrize(
    ("setting", "value"),
    [("max_samples", 12), ("min_samples", 20), ("delta", 1.0), ("alpha", 0.1), ("min_error", 10.0)],
)
def test_settings_of_an_average_learner_in_one_dimension(setting: str, value: float) -> None:
    def make(**settings: Any) -> AverageLearner1D:
        return AverageLearner1D(noisy, (0, 1), **{"min_samples": 4, "delta": 0.5, **settings})

    learner, other = make(), make(**{setting: value})
    simple(learner, goal=lambda each: each.nsamples >= 60)
    other._set_data(learner._get_data())
    setattr(learner, setting, value)
    assert getattr(learner, setting) == value
    assert dict(learner.error) == pytest.approx(dict(other.error), rel=1e-12)
    assert dict(learner.rescaled_error) == pytest.approx(dict(other.rescaled_error), rel=1e-12)
    assert sorted(learner.ask(200)[0]) == sorted(other.ask(200)[0])


def test_max_samples_that_is_set_later() -> None:
    learner = AverageLearner1D(noisy, (0, 1), min_samples=3, delta=1.0)
    simple(learner, goal=lambda each: each.nsamples >= 30)
    learner.max_samples = 12
    simple(learner, goal=lambda each: each.nsamples >= 200)
    assert max(learner._number_samples.values()) <= 12


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("delta", 0),
        ("alpha", 1.0),
        ("neighbor_sampling", "a"),
        ("min_samples", 1.5),
        ("min_samples", -1),
        ("max_samples", 2),
        ("min_error", -1),
    ],
)
def test_bad_settings_are_refused_later_too(setting: str, value: Any) -> None:
    learner = AverageLearner1D(noisy, (0, 1), min_samples=3)
    before = getattr(learner, setting)
    with pytest.raises((TypeError, ValueError), match=setting):
        setattr(learner, setting, value)
    assert getattr(learner, setting) == before


def test_tolerances() -> None:
    learner = AverageLearner(lambda seed: float(seed % 3), atol=0.1)
    simple(learner, npoints_goal=20)
    before = learner.loss()
    learner.atol = 0.2
    assert learner.loss() == pytest.approx(before / 2)
    learner.min_npoints = 30
    assert learner.loss() == math.inf
    with pytest.raises(ValueError, match="At least one"):
        learner.atol = None
    assert learner.atol == 0.2
    integral = IntegratorLearner(step, (0, 1), tol=1e-3)
    simple(integral, goal=lambda each: each.done())
    integral.tol = 1e-12
    assert not integral.done()
    with pytest.raises(ValueError, match="tol"):
        integral.tol = -1
    assert integral.tol == 1e-12


def test_strategies() -> None:
    learner = BalancingLearner([Learner1D(step, (-1, 1)) for _ in range(3)])
    learner.strategy = "cycle"
    assert [i for (i, _) in learner.ask(4)[0]] == [0, 1, 2, 0]
    with pytest.raises(ValueError, match="strategy"):
        learner.strategy = "best"
    assert learner.strategy == "cycle"


FIXED: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "Learner1D.bounds": (lambda: Learner1D(step, (-1, 1)), [-1.0, 1], (0, 1)),
    "AverageLearner1D.bounds": (lambda: AverageLearner1D(noisy, (-1, 1)), (-1, 1), (0, 1)),
    "IntegratorLearner.bounds": (lambda: IntegratorLearner(step, (-1, 1), 0.1), (-1, 1), (0, 1)),
    "Learner2D.bounds": (lambda: Learner2D(step, [(-1, 1)] * 2), [(-1, 1)] * 2, [(0, 1)] * 2),
    "LearnerND.bounds": (lambda: LearnerND(step, [(-1, 1)] * 2), ((-1, 1),) * 2, [(0, 1)] * 2),
    "LearnerND.partition": (lambda: LearnerND(step, [(-1, 1)] * 2), "auto", "boxes"),
    "SequenceLearner.sequence": (lambda: SequenceLearner(step, [1, 2]), [1, 2], [1, 2, 3]),
    "DataSaver.bounds": (lambda: DataSaver(Learner2D(saved, [(-1, 1)] * 2), len), [(-1, 1)] * 2, [(0, 1)] * 2),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_cannot_be_changed_says_so(name: str) -> None:
    make, same, other = FIXED[name]
    learner, attribute = make(), name.split(".")[1]
    before = getattr(learner, attribute)
    setattr(learner, attribute, same)
    with pytest.raises(AttributeError, match=f"{attribute} of a .* cannot be changed.*copy_from"):
        setattr(learner, attribute, other)
    assert getattr(learner, attribute) is before


def test_anisotropic_may_be_set_later() -> None:
    learner, other = LearnerND(step, [(-1, 1)] * 2), LearnerND(step, [(-1, 1)] * 2, anisotropic=True)
    simple(learner, npoints_goal=30)
    learner.anisotropic = True
    other._set_data(learner._get_data())
    assert learner.ask(10) == other.ask(10)


def test_attributes_of_a_users_own() -> None:
    for make, _, _ in LOSSES.values():
        learner = make()
        learner.label = "mine"
        assert learner.label == "mine"
    saver = LOSSES["DataSaver of Learner2D"][0]()
    saver.aspect_ratio = 2.0
    assert saver.learner.aspect_ratio == 2.0
    saver.label = "mine"
    assert not hasattr(saver.learner, "label")
    with pytest.raises(TypeError, match="arg_picker"):
        saver.arg_picker = "y"
    outer = DataSaver(saver, itemgetter("z"))
    outer.arg_picker = itemgetter("w")
    assert (outer.arg_picker({"w": 1}), saver.arg_picker({"y": 2})) == (1, 2)


class Labelled(Learner1D):
    """As public scripts do it: settings come after the constructor."""

    def __init__(self, function: Any, bounds: Any, label: str = "a") -> None:
        super().__init__(function, bounds)
        self.label = label
        self.bounds = bounds
        self.loss_per_interval = learner1D.uniform_loss
        self.data = {}


class SetBefore(AverageLearner1D):
    def __init__(self, function: Any, bounds: Any) -> None:
        self.loss_per_interval = learner1D.uniform_loss
        self.min_samples = 7
        self.data = {}
        super().__init__(function, bounds, loss_per_interval=None, min_samples=3)


class LabelledAverage(AverageLearner1D):
    def __init__(self, function: Any, bounds: Any) -> None:
        super().__init__(function, bounds)
        self.min_samples = 2
        self.max_samples = 4


def test_subclasses_that_set_them_in_their_constructor() -> None:
    learner = Labelled(step, (-1, 1))
    simple(learner, npoints_goal=9)
    assert sorted(learner.data) == np.linspace(-1, 1, 9).tolist()
    before = SetBefore(noisy, (-1, 1))
    assert (before.min_samples, before.loss_per_interval) == (3, learner1D.default_loss)
    average = LabelledAverage(noisy, (-1, 1))
    simple(average, goal=lambda each: each.nsamples >= 50)
    assert set(average._number_samples.values()) <= {1, 2, 3, 4}
