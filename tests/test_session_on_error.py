"""What becomes of points that failed for good, and of points that are given up."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerError, WorkerLostError
from adaptive_dask.run.failures import Failure, choose_on_error
from adaptive_dask.run.goals import Goal, LossGoal
from adaptive_dask.run.session import MAX_FAILED_POINTS, Session

from .fakes import CountingLearner, StrictLearner

BROKEN = Failure("Traceback: broken", ArithmeticError("broken"), "tcp://10.0.0.1:1234", "/logs/1.out")


def session(on_error: Any, **kwargs: Any) -> Session:
    return Session(StrictLearner(), Goal(), on_error=on_error, **kwargs)


@pytest.mark.parametrize("ordered", [None, 2])
def test_a_function_gives_the_value_to_tell(ordered: int | None) -> None:
    seen: list[tuple[Any, AdaptiveError]] = []

    def on_error(point: Any, error: AdaptiveError) -> float:
        seen.append((point, error))
        return -1.0

    run = session(on_error, retries=1, ordered=ordered, log=True)
    run.take(2)
    assert run.tell([(0, BROKEN)]) == []
    assert [failed.status for failed in run.book.all] == ["retrying"]
    assert run.take(1) == [(0, 0)]
    assert run.tell([(0, BROKEN), (1, 1.0)]) == [(0, -1.0), (1, 1.0)]
    assert run.error is None
    ((point, error),) = seen
    assert point == 0
    assert isinstance(error, FunctionError)
    assert error.exception is BROKEN.exception
    assert error.worker == BROKEN.worker
    (failed,) = run.book.all
    assert (failed.status, failed.tries, failed.point, failed.log) == ("replaced", 2, 0, "/logs/1.out")
    assert run.book.failed == set()
    assert not run.book.to_retry


def test_what_the_function_raises_ends_the_run() -> None:
    def again(point: Any, error: AdaptiveError) -> Any:
        raise error

    run = session(again)
    run.take(1)
    run.tell([(0, BROKEN)])
    assert isinstance(run.error, FunctionError)
    assert run.book.failed == {0}

    def other(point: Any, error: AdaptiveError) -> Any:
        raise KeyError("nothing known")

    run = session(other)
    run.take(1)
    run.tell([(0, BROKEN)])
    assert isinstance(run.error, LearnerError)
    assert "on_error raised" in str(run.error)
    assert "nothing known" in str(run.error)


@pytest.mark.parametrize("ordered", [None, 2])
def test_a_point_that_kills_workers_is_replaced_too(ordered: int | None) -> None:
    errors: list[AdaptiveError] = []

    def on_error(point: Any, error: AdaptiveError) -> float:
        errors.append(error)
        return 7.0

    run = session(on_error, allowed_failures=0, ordered=ordered)
    run.take(2)
    assert run.lost([0]) == []
    assert run.tell([(1, 1.0)]) == [(0, 7.0), (1, 1.0)]
    assert [type(error) for error in errors] == [WorkerLostError]


def test_a_substitute_that_the_learner_refuses_ends_the_run() -> None:
    class Picky(StrictLearner):
        def tell(self, x: Any, y: Any) -> None:
            if y is None:
                raise TypeError("no number")
            super().tell(x, y)

    run = Session(Picky(), Goal(), on_error=lambda point, error: None)
    run.take(2)
    assert run.tell([(0, BROKEN), (1, 1.0)]) == [(1, 1.0)]
    assert isinstance(run.error, FunctionError)
    assert "refused the value None" in str(run.error)
    assert run.book.failed == {0}
    assert run.book.failed_count == 1


def test_the_error_says_where_and_survives_a_journey() -> None:
    run = session("raise")
    run.take(1)
    run.tell([(0, BROKEN)])
    error = pickle.loads(pickle.dumps(run.error))
    for text in ("function(0)", "tcp://10.0.0.1:1234", "/logs/1.out", "Traceback: broken"):
        assert text in str(error)
    assert error.log == "/logs/1.out"


def test_the_two_names_of_one_thing() -> None:
    assert choose_on_error(None, True) == "raise"
    assert choose_on_error(None, False) == "skip"
    assert choose_on_error("skip", False) == "skip"
    with pytest.raises(ValueError, match="contradicts"):
        choose_on_error("raise", False)
    with pytest.raises(ValueError, match="'ignore'"):
        choose_on_error("ignore", True)


@pytest.mark.parametrize("ordered", [None, 3])
def test_points_that_are_given_up_get_no_outcome(ordered: int | None) -> None:
    run = session("raise", ordered=ordered)
    assert [pid for pid, _ in run.take(3)] == [0, 1, 2]
    run.lost([1])
    assert run.drop([0, 1, 99]) == [(0, 0), (1, 1)]
    assert run.points.in_flight == {2: 2}
    assert len(run.points.waiting) == 0
    assert run.tell([(0, 0.0), (2, 2.0)]) == [(2, 2.0)]
    assert run.book.failed == set()
    assert [pid for pid, _ in run.take(2)] == [3, 4]


@pytest.mark.parametrize(
    ("point", "given"),
    [
        ((0.25, 1.0), [0.25, 1.0]),
        ((0.25, 1.0), np.array([0.25, 1.0])),
        ((1, (0.25, 1.0)), [1, np.array([0.25, 1.0])]),  # of a BalancingLearner
        (0.25, np.float64(0.25)),
        ("ab", "ab"),
    ],
)
def test_a_list_or_an_array_stands_for_a_tuple(point: Any, given: Any) -> None:
    class Asker(CountingLearner):
        def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Any], list[float]]:
            return [point, (0.25, 2.0), ("a", "b")], [1.0] * 3

    run = Session(Asker(), Goal())
    run.take(3)
    assert run.drop(points=[given]) == [(0, point)]
    assert run.drop(points=[[0.25], "ab", 7, np.array([0.25, 3.0])]) == []


def test_in_order_what_waited_for_a_dropped_point_is_told() -> None:
    run = session("raise", ordered=2)
    run.take(2)
    run.tell([(1, 1.0)])
    assert run.drop([1]) == [], "it has its outcome"
    assert run.drop([0]) == [(0, 0)]
    assert run.tell([]) == [(1, 1.0)]


@pytest.mark.parametrize("ordered", [None, 7])
@pytest.mark.parametrize("kind", ["raises", "is refused", "kills its worker"])
@pytest.mark.parametrize("known", [0, 30])
def test_a_run_fails_when_all_of_the_first_points_failed(kind: str, ordered: int | None, known: int) -> None:
    learner = CountingLearner()
    learner.tell_many(range(-known, 0), [1.0] * known)
    run = Session(learner, Goal(), on_error="skip", ordered=ordered, allowed_failures=0)
    run.tell([(pid, BROKEN) for pid, _ in run.take(1)])  # one is enough for points that kill workers not to count
    rounds = 1
    while not run.done:
        assert rounds < MAX_FAILED_POINTS + known
        rounds += 1
        ((pid, _),) = run.take(1)
        if kind == "kills its worker":
            run.lost([pid])
            run.tell([])
        else:
            run.tell([(pid, BROKEN if kind == "raises" else "no number")])
    assert rounds == run.book.failed_count == MAX_FAILED_POINTS + known
    assert isinstance(run.error, FunctionError)
    assert f"None of the first {rounds} points had a value" in str(run.error)
    last = {"raises": "broken", "is refused": "refused the value 'no number'", "kills its worker": "died"}
    assert last[kind] in str(run.error)
    assert str(pickle.loads(pickle.dumps(run.error))) == str(run.error)


@pytest.mark.parametrize("ordered", [None, 2])
def test_one_value_is_enough_for_a_run_to_go_on(ordered: int | None) -> None:
    run = Session(CountingLearner(), Goal(), on_error="skip", ordered=ordered)
    (first, _), *others = run.take(2)
    run.tell([(pid, 1.0) for pid, _ in others])  # in order, it is not told before the first
    run.tell([(first, BROKEN)])
    for _ in range(3 * MAX_FAILED_POINTS):
        run.tell([(pid, BROKEN) for pid, _ in run.take(1)])
    assert run.book.failed_count > 3 * MAX_FAILED_POINTS
    assert not run.done


def test_what_on_error_tells_instead_is_a_value() -> None:
    run = Session(CountingLearner(), Goal(npoints=2 * MAX_FAILED_POINTS), on_error=lambda point, error: 0.0)
    while not run.done:
        run.tell([(pid, BROKEN) for pid, _ in run.take(1)])
    assert run.error is None
    assert run.told == 2 * MAX_FAILED_POINTS


SQUARE = [(-1, 1), (-1, 1)]
LEARNERS = {
    "1D": (lambda: adaptive.Learner1D(sum, (-1, 1)), 1.0),
    "2D": (lambda: adaptive.Learner2D(sum, SQUARE), (1.0, 1.0)),
    "ND": (lambda: adaptive.LearnerND(sum, [(-1, 1)] * 3), (1.0, 1.0, 1.0)),
    "integrator": (lambda: adaptive.IntegratorLearner(sum, (-1, 1), tol=1e-9), 1.0),
    "two": (lambda: adaptive.BalancingLearner([adaptive.Learner1D(sum, (0, i)) for i in (1, 2)]), (1, 2.0)),
    "saver": (lambda: adaptive.DataSaver(adaptive.Learner1D(sum, (-1, 1)), arg_picker=float), 1.0),
    # Without the point, these have a finite loss, at once or with others.
    "average": (lambda: adaptive.AverageLearner(sum, rtol=1e-9, min_npoints=70), 3),
    "average1D": (lambda: adaptive.AverageLearner1D(sum, (-1, 1)), (0, 1.0)),
    "sequence": (lambda: adaptive.SequenceLearner(sum, range(100)), (0, 0)),
}


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("fails", [True, False], ids=["the point fails", "it takes long"])
def test_a_run_fails_if_its_loss_stays_infinite_because_of_failed_points(name: str, fails: bool) -> None:
    make, bad = LEARNERS[name]
    run = Session(make(), Goal(reached=LossGoal(1e-300)), on_error="skip")
    while run.told < 60 and not run.done:
        for pid, point in run.take(1):
            if tuple(np.atleast_1d(point)) != tuple(np.atleast_1d(bad)):
                run.tell([(pid, float(run.told % 7))])
            elif fails:
                run.tell([(pid, BROKEN)])
    if fails and name not in ("average", "average1D", "sequence"):
        assert isinstance(run.error, FunctionError)
        assert f"points that failed: {bad!r}. Use another goal" in str(run.error)
        assert "Traceback: broken" in str(run.error)
    else:
        assert run.error is None
