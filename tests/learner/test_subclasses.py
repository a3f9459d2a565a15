"""Learners of classes that users derive, with constructors and attributes of their own."""

from __future__ import annotations

import copy
import functools
import operator
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from adaptive_dask.learner.average_learner import AverageLearner
from adaptive_dask.learner.average_learner1D import AverageLearner1D
from adaptive_dask.learner.balancing_learner import BalancingLearner
from adaptive_dask.learner.data_saver import DataSaver
from adaptive_dask.learner.function_pickle import dumps_apart, loads_together
from adaptive_dask.learner.integrator_learner import IntegratorLearner
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.learner.sequence_learner import SequenceLearner
from adaptive_dask.learner.subclasses import added_attributes
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session
from adaptive_dask.runner.sequential import simple
from adaptive_dask.storage.learner_copy import working_copy


def function(x: Any) -> float:
    return float(x[-1]) if isinstance(x, tuple) else float(x)


ARGUMENTS: dict[type, tuple[Any, ...]] = {
    Learner1D: (function, (0, 1)),
    Learner2D: (function, [(0, 1)] * 2),
    LearnerND: (function, [(0, 1)] * 3),
    AverageLearner: (function, 0.1),
    AverageLearner1D: (function, (0, 1), None, 0.2, 0.005, 0.3, 2),
    IntegratorLearner: (function, (0, 1), 1e-6),
    SequenceLearner: (function, [1, 2, 3, 4, 5, 6, 7, 8]),
    DataSaver: (Learner1D(function, (0, 1)), function),
    BalancingLearner: ([Learner1D(function, (0, 1)), Learner1D(function, (0, 2))],),
}


def derived(base: Any) -> Any:
    class Mine(base):  # type: ignore[misc]  # mypy takes no variable as a base class
        def __init__(self, label: str) -> None:
            self.label = label
            super().__init__(*copy.deepcopy(ARGUMENTS[base]))
            self.told: list[Any] = []

        def tell(self, x: Any, y: Any) -> None:
            self.told.append(x)
            super().tell(x, y)

    return Mine


WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda learner: pickle.loads(cloudpickle.dumps(learner)),
    "deepcopy": copy.deepcopy,
    "apart": lambda learner: loads_together(*dumps_apart(learner)),
    "for a run": working_copy,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("base", ARGUMENTS)
def test_a_subclass_is_copied_with_its_attributes(base: Any, way: str) -> None:
    learner = derived(base)("one")
    simple(learner, goal=lambda learner: learner.npoints >= 6)
    assert added_attributes(learner).keys() == {"label", "told"}
    told = list(learner.told)
    other = WAYS[way](learner)
    assert other.label == "one"
    assert other.told == told
    assert other.npoints == learner.npoints
    assert type(other).__name__ == "Mine"
    points, _ = learner.ask(1)
    assert other.ask(1)[0] == points
    if points:
        other.tell(points[0], 1.0 if base is not DataSaver else learner.function(points[0]))
        assert (other.told, learner.told) == ([*told, points[0]], told)


@pytest.mark.parametrize("base", ARGUMENTS)
def test_a_subclass_is_saved_loaded_and_made_anew(base: Any, tmp_path: Path) -> None:
    learner = derived(base)("one")
    simple(learner, goal=lambda learner: learner.npoints >= 6)
    learner.save(tmp_path / "file")
    new = learner.new()
    assert (new.label, new.npoints) == ("one", 0)
    new.load(tmp_path / "file")
    assert new.npoints == learner.npoints


def test_what_cannot_be_copied_is_shared() -> None:
    learner = derived(Learner1D)("one")
    learner.lock = threading.Lock()
    assert learner.new().lock is learner.lock
    with pytest.raises(TypeError, match=r"lock.*__getstate__"):
        dumps_apart(learner)


def test_a_child_that_was_told_directly_or_appended_is_noticed() -> None:
    learners = [Learner1D(function, (0, 1)) for _ in range(2)]
    learner = BalancingLearner(learners)
    assert learner.npoints == 0
    for child in learner.learners:
        child.tell_many([0.0, 0.5, 1.0], [0.0, 0.5, 1.0])
    assert learner.npoints == 6
    assert learner.loss() == max(child.loss() for child in learner.learners)
    learner.learners.append(Learner1D(function, (0, 3)))
    points, _ = learner.ask(2)
    assert points == [(2, 0.0), (2, 3.0)]
    learner.tell((2, 0.0), 0.0)
    assert learner.npoints == 7
    for tell in (learner.tell, lambda x, y: learner.tell_many([x], [y]), lambda x, y: learner.tell_pending(x)):
        learner.learners.append(Learner1D(function, (0, 3)))
        tell((len(learner.learners) - 1, 0.0), 0.0)
    assert learner.npoints == 9
    assert (5, 0.0) in learner.pending_points


def test_children_that_were_removed_replaced_or_assigned_are_noticed() -> None:
    def made(high: float) -> Learner1D:
        return Learner1D(function, (0, high))

    changes: list[tuple[Callable[[Any], Any], list[float]]] = [
        (lambda learner: learner.learners.pop(0), [2]),
        (lambda learner: operator.setitem(learner.learners, 0, made(5)), [5, 2]),
        (lambda learner: setattr(learner, "learners", [made(5)]), [5]),
        (lambda learner: setattr(learner, "learners", [made(3), made(4), made(5)]), [3, 4, 5]),
    ]
    for change, highs in changes:
        for has_data in (True, False):
            learner = BalancingLearner([made(1), made(2)])
            if has_data:
                simple(learner, npoints_goal=3)
            change(learner)
            if not has_data:
                assert len(learner.learners) == len(highs)
            simple(learner, npoints_goal=5)
            assert [child.bounds[1] for child in learner.learners] == highs
            assert {max(child.data) for child in learner.learners} == set(highs)
            assert learner.npoints == len(learner.data) == 5 * len(highs)


def test_children_that_cannot_be_assigned() -> None:
    learner = BalancingLearner([Learner1D(function, (0, 1))], cdims=[{"a": 1}])
    for children, error in (([], ValueError), ([1, "a"], TypeError), ([Learner1D(function, (0, 1))] * 2, ValueError)):
        with pytest.raises(error, match="learner"):
            learner.learners = children
    with pytest.raises(TypeError, match="cdims must be a dict for each learner"):
        BalancingLearner([Learner1D(function, (0, 1))], cdims={"a": [1]})


def noting(base: Any) -> Any:
    """Make a learner whose class notes every point that becomes pending or is told."""

    class Noting(base):  # type: ignore[misc]  # mypy takes no variable as a base class
        def tell(self, x: Any, y: Any) -> None:
            vars(self).setdefault("told", []).append(x)
            super().tell(x, y)

        def tell_pending(self, x: Any) -> None:
            vars(self).setdefault("asked", []).append(x)
            super().tell_pending(x)

    class Further(Noting):
        def tell(self, x: Any, y: Any) -> None:
            super().tell(x, y)

        def tell_pending(self, x: Any) -> None:
            super().tell_pending(x)

    return Further(*copy.deepcopy(ARGUMENTS[base]))


@pytest.mark.parametrize("base", ARGUMENTS)
def test_every_point_goes_through_what_a_subclass_overrides(base: Any) -> None:
    learner, plain = noting(base), base(*copy.deepcopy(ARGUMENTS[base]))
    asked: list[Any] = []
    for n in (5, 1, 2):
        points = learner.ask(n)[0]
        assert points == plain.ask(n)[0]
        asked += points
        assert learner.ask(2, tell_pending=False)[0] == plain.ask(2, tell_pending=False)[0]
        learner.tell_many(points, [learner.function(x) for x in points])
        for x in points:
            plain.tell(x, plain.function(x))
    assert learner.told == learner.asked == asked
    assert dict(learner.data) == dict(plain.data)


def test_a_decorated_ask_of_a_class_between_goes_through_an_overridden_tell_pending() -> None:
    class Between(Learner1D):
        @functools.wraps(Learner1D.ask)
        def ask(self, *args: Any, **options: Any) -> Any:
            return super().ask(*args, **options)

    class Noting(Between):
        def tell_pending(self, x: float) -> None:
            asked.append(x)
            super().tell_pending(x)

    asked: list[float] = []
    assert Noting(function, (0, 1)).ask(3)[0] == asked == [0.0, 0.5, 1.0]


def test_a_subclass_with_a_tell_many_of_its_own_is_told_by_that() -> None:
    class Both(Learner1D):
        def tell(self, x: float, y: Any) -> None:
            raise AssertionError("told one by one")

        def tell_many(self, xs: Any, ys: Any, **options: Any) -> None:
            super().tell_many(xs, ys, **options)

    learner = Both(function, (0, 1))
    learner.tell_many([0.0, 0.5, 1.0, 0.25], [0.0, 0.5, 1.0, 0.25])
    learner.tell_many([0.75], [0.75])
    assert learner.npoints == 5


def test_a_refused_value_does_not_let_others_be_told_twice() -> None:
    learner = noting(Learner1D)
    session = Session(learner, Goal(), on_error="skip")
    taken = session.take(4)
    session.tell([(pid, None if i == 2 else 1.0) for i, (pid, _) in enumerate(taken)])
    assert sorted(learner.told) == sorted(x for _, x in taken)
    assert learner.npoints == 3


@pytest.mark.parametrize("base", ARGUMENTS)
def test_a_subclass_may_add_to_the_state(base: Any) -> None:
    class Adding(base):  # type: ignore[misc]  # mypy takes no variable as a base class
        def __getstate__(self) -> dict[str, Any]:
            return {**super().__getstate__(), "mine": 1}

        def __setstate__(self, state: dict[str, Any]) -> None:
            super().__setstate__(state)
            self.mine = state["mine"]

    copied = pickle.loads(cloudpickle.dumps(Adding(*copy.deepcopy(ARGUMENTS[base]))))
    assert (copied.mine, copied.npoints) == (1, 0)
