"""The conformance suite finds what is broken, and lets through what is not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import adaptive
import pytest

from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session
from adaptive_dask.testing.check_learner import GUARANTEES, LearnerCheckError, check_learner


def curve(x: float) -> float:
    return x + 0.01 / (0.01 + x**2)


class RandomSearch(BaseLearner):
    """What a user might write: points at random, none of them twice."""

    def __init__(self, function: Callable[[float], float], seed: int = 0) -> None:
        self.function = function
        self.seed = seed
        self.data: dict[float, float] = {}
        self.pending_points: set[float] = set()

    @property
    def npoints(self) -> int:
        return len(self.data)

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        points: list[float] = []
        rng = random.Random(self.seed)
        while len(points) < n:
            x = rng.random()
            if x not in self.data and x not in self.pending_points:
                points.append(x)
        if tell_pending:
            self.pending_points.update(points)
        return points, [1.0] * n

    def tell(self, x: float, y: float) -> None:
        self.pending_points.discard(x)
        self.data.setdefault(x, y)

    def tell_pending(self, x: float) -> None:
        if x not in self.data:
            self.pending_points.add(x)

    def remove_unfinished(self) -> None:
        self.pending_points.clear()

    def loss(self, real: bool = True) -> float:
        return 1 / (1 + self.npoints + (0 if real else len(self.pending_points)))

    def new(self) -> RandomSearch:
        return type(self)(self.function, self.seed)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "pending_points": set()}


class AskAndTell:
    """As little as an optimiser of somebody else may have."""

    def __init__(self) -> None:
        self._next = 0
        self.told: dict[int, float] = {}

    def ask(self, n: int) -> tuple[list[int], list[float]]:
        points = list(range(self._next, self._next + n))
        self._next += n
        return points, [1.0] * n

    def tell(self, x: int, y: float) -> None:
        self.told.setdefault(x, y)


def drive(learner: Any, function: Callable[[Any], Any], goal: Goal) -> Session:
    """A run with three evaluations at a time that end in any order."""
    session, rng, out = Session(learner, goal), random.Random(1), []
    while not session.done:
        out += session.take(3 - len(out))
        pid, x = out.pop(rng.randrange(len(out)))
        session.tell([(pid, function(x))])
    session.finish()
    return session


# -- what is not broken


def test_a_learner_of_the_users_own_passes() -> None:
    assert check_learner(RandomSearch(curve)) == [*GUARANTEES, "bounded_cost"]
    learner = RandomSearch(curve)
    session = drive(learner, curve, Goal(npoints=20))
    assert session.error is None
    assert learner.npoints == 20
    assert not learner.pending_points


def test_an_object_with_ask_and_tell_passes_what_applies_to_it() -> None:
    checked = check_learner(AskAndTell, function=float)
    assert {"ask_without_data", "ask_many", "points_never_repeated", "bounded_cost"} <= set(checked)
    assert "copied_from" not in checked
    for goal in [Goal(npoints=20), Goal(reached=lambda learner: len(learner.told) >= 20)]:
        learner = AskAndTell()
        session = drive(learner, float, goal)
        assert session.error is None
        assert session.npoints == len(learner.told) == 20


def test_a_learner_of_python_adaptive_runs_in_a_session() -> None:
    for learner in [adaptive.Learner1D(curve, (-1, 1)), adaptive.SequenceLearner(curve, [0.1 * i for i in range(20)])]:
        session = drive(learner, learner.function, Goal(npoints=20))
        assert session.error is None
        assert learner.npoints == 20
        assert not learner.pending_points


# -- what is


class Wrong(Learner1D):
    """A learner that breaks something; subclasses say what."""


class RepeatsPoints(Wrong):
    def ask(self, n: int, tell_pending: bool = True) -> Any:
        return super().ask(n, tell_pending=False)


class AskChangesState(Wrong):
    def ask(self, n: int, tell_pending: bool = True) -> Any:
        return super().ask(n)


class AskZeroIsOne(Wrong):
    def ask(self, n: int, tell_pending: bool = True) -> Any:
        return super().ask(max(n, 1), tell_pending)


class RaisesWithoutData(Wrong):
    def ask(self, n: int, tell_pending: bool = True) -> Any:
        if not self.data:
            raise ValueError("no data yet")
        return super().ask(n, tell_pending)


class RefusesStrangers(Wrong):
    def tell(self, x: float, y: Any) -> None:
        if x not in self.pending_points and x not in self.data:
            raise KeyError(x)
        super().tell(x, y)


class Overwrites(RandomSearch):
    def tell(self, x: float, y: Any) -> None:
        self.pending_points.discard(x)
        self.data[x] = y


class CountsTells(RandomSearch):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.count = 0

    @property
    def npoints(self) -> int:
        return self.count

    def tell(self, x: float, y: Any) -> None:
        super().tell(x, y)
        self.count += 1


class LastWins(RandomSearch):
    """What is told at once is smoothed, so that order matters."""

    def tell_many(self, xs: Any, ys: Any) -> None:
        ys = list(ys)
        for x in xs:
            self.tell(x, sum(ys) / len(ys))


class KeepsPending(RandomSearch):
    def remove_unfinished(self) -> None:
        pass

    def tell(self, x: float, y: float) -> None:
        self.data.setdefault(x, y)


class IgnoresTellPending(Wrong):
    def tell_pending(self, x: float) -> None:
        pass


class FailsOnNan(RandomSearch):
    def tell(self, x: float, y: float) -> None:
        if y != y:
            raise ValueError("NaN")
        super().tell(x, y)


class LossIsNan(Wrong):
    def loss(self, real: bool = True) -> float:
        return float("nan") if self.npoints < 2 else super().loss(real)


class PicklesPending(RandomSearch):
    def __getstate__(self) -> dict[str, Any]:
        return vars(self)


class PicklesNoData(RandomSearch):
    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "data": {}, "pending_points": set()}


class NewKeepsData(RandomSearch):
    def new(self) -> RandomSearch:
        other = type(self)(self.function)
        other.data = self.data
        return other


class CopyShares(RandomSearch):
    def _get_data(self) -> dict[float, float]:
        return self.data

    def _set_data(self, data: dict[float, float]) -> None:
        self.data = data


class LosesFunction(RandomSearch):
    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "function": None, "pending_points": set()}


class Slow(Wrong):
    def ask(self, n: int, tell_pending: bool = True) -> Any:
        if n == 1000:
            begin = time.thread_time()
            while time.thread_time() < begin + 0.3:
                pass
        return super().ask(n, tell_pending)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (RepeatsPoints, ["points_never_repeated", "ask_without_tells", "ask_many", "pending_points"]),
        (AskChangesState, ["ask_that_changes_nothing"]),
        (AskZeroIsOne, ["ask_zero"]),
        (RaisesWithoutData, ["ask_without_data"]),
        (RefusesStrangers, ["tells_never_asked", "order_does_not_matter"]),
        (Overwrites, ["tells_are_idempotent"]),
        (CountsTells, ["tells_are_idempotent", "order_does_not_matter"]),
        (LastWins, ["order_does_not_matter"]),
        (KeepsPending, ["remove_unfinished", "pending_points"]),
        (IgnoresTellPending, ["tell_pending"]),
        (FailsOnNan, ["not_a_number"]),
        (LossIsNan, ["loss_is_a_number"]),
        (PicklesPending, ["pickled", "cloudpickled"]),
        (PicklesNoData, ["pickled", "cloudpickled", "function_apart"]),
        (NewKeepsData, ["new"]),
        (CopyShares, ["copied_from"]),
        (LosesFunction, ["pickled", "cloudpickled"]),
        (Slow, ["bounded_cost"]),
    ],
)
def test_what_is_broken_is_named(kind: Any, names: list[str]) -> None:
    def make() -> Any:
        return kind(curve, (-1, 1)) if issubclass(kind, Learner1D) else kind(curve)

    with pytest.raises(LearnerCheckError) as caught:
        check_learner(make, n=15, max_seconds=0.2)
    assert set(names) <= set(caught.value.broken)
    text = str(caught.value)
    assert text.startswith(f"{kind.__name__} breaks {len(caught.value.broken)} of the guarantees")
    for name in names:
        assert name in text
        if name in GUARANTEES:
            assert str(GUARANTEES[name].__doc__) in text


def test_guarantees_can_be_chosen() -> None:
    learner = Overwrites(curve)
    assert "tells_are_idempotent" not in check_learner(learner, skip=["tells_are_idempotent"], n=10)
    assert check_learner(learner, only=["pickled"], n=10) == ["pickled"]
    with pytest.raises(ValueError, match="got 'typo'"):
        check_learner(learner, only=["typo"])


def test_what_cannot_be_checked_is_refused() -> None:
    class Bare:
        def ask(self, n: int) -> Any: ...
        def tell(self, x: Any, y: Any) -> None: ...

    with pytest.raises(TypeError, match=r"must have `new\(\)`, got a Bare.*lambda: Bare"):
        check_learner(Bare())
    with pytest.raises(TypeError, match="function must be given"):
        check_learner(Bare)
    with pytest.raises(TypeError, match="learner must have ask and tell, got 3"):
        check_learner(lambda: 3)
    with pytest.raises(TypeError, match="got 3"):
        check_learner(3)
