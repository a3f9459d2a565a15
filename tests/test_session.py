"""The rules of a session: what is taken, told, tried again, failed, and when it is over."""

from __future__ import annotations

from typing import Any

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerError
from adaptive_dask.run.failures import MAX_TRACEBACKS, Failure
from adaptive_dask.run.goals import Goal, LossGoal
from adaptive_dask.run.session import Session

from .fakes import CountingLearner, StrictLearner

ENDLESS = Goal()
BROKEN = Failure("Traceback: broken", ValueError("broken"), "tcp://worker")


def session(goal: Goal = ENDLESS, learner: Any = None, **settings: Any) -> Session:
    return Session(learner or StrictLearner(), goal, **settings)


# ---- taking and telling


def test_points_come_with_ids_that_are_never_used_again() -> None:
    run = session()
    first, second = run.take(3), run.take(2)
    assert [x for _, x in first + second] == [0, 1, 2, 3, 4]
    assert len({pid for pid, _ in first + second}) == 5
    assert run.points.in_flight == dict(first + second)
    assert len(run.points.unresolved) == 5
    assert len(run.points.waiting) == 0


def test_outcomes_may_come_in_any_order_and_any_subset() -> None:
    run = session()
    ids = dict(run.take(4))
    assert run.tell([(3, 30.0), (1, 10.0)]) == [(ids[3], 30.0), (ids[1], 10.0)]
    assert run.tell([(0, 0.0)]) == [(ids[0], 0.0)]
    assert run.learner.data == {3: 30.0, 1: 10.0, 0: 0.0}
    assert run.points.in_flight == {2: 2}
    assert run.told == run.npoints == 3


def test_a_duplicate_id_is_ignored() -> None:
    run = session()
    run.take(2)
    assert run.tell([(0, 1.0), (0, 2.0)]) == [(0, 1.0)]
    assert run.tell([(0, 3.0)]) == []
    assert run.tell([(0, BROKEN)]) == []
    assert run.learner.data == {0: 1.0}
    assert run.error is None
    assert run.book.failure_count == 0


def test_a_call_that_tells_the_learner_something_counts_as_told() -> None:
    run = session()
    assert run.call(lambda learner, k: learner.npoints + k, 1) == 1
    assert run.told == 0

    def tell_and_raise(learner: Any) -> None:
        learner.tell(7, 1.0)
        raise KeyError("after telling")

    with pytest.raises(KeyError, match="after telling"):
        run.call(tell_and_raise)
    assert run.told == 1

    averaging: Any = adaptive.AverageLearner1D(lambda point: 0.0, (-1, 1))
    averaging.tell((0, 0.5), 1.0)
    run = session(learner=averaging)
    run.call(lambda learner: learner.tell((1, 0.5), 1.0))
    assert run.told == 1, "one more sample of a point that was known"


def test_an_unknown_id_is_ignored() -> None:
    run = session()
    run.take(1)
    assert run.tell([(7, 1.0), (-1, BROKEN)]) == []
    assert run.lost([7, -1]) == []
    assert run.lost_count == 0
    assert run.points.in_flight == {0: 0}


def test_results_from_elsewhere_are_told_and_count_towards_the_goal() -> None:
    run = session(Goal(npoints=2))
    assert run.tell_from_elsewhere(100, 1.0) == [(100, 1.0)]
    [(pid, x)] = run.take(5)
    run.tell([(pid, 0.0)])
    assert run.done
    assert run.told == 2
    assert run.learner.data == {100: 1.0, x: 0.0}


def test_taking_nothing_asks_nothing() -> None:
    run = session()
    assert run.take(0) == []
    assert run.learner.asked == 0


@pytest.mark.parametrize("settings", [{"retries": -1}, {"allowed_failures": -1}, {"ordered": 0}, {"ordered": -2}])
def test_bad_settings_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        session(**settings)


# ---- the goal


def test_npoints_goal_gives_out_no_more_than_it_allows() -> None:
    run = session(Goal(npoints=5))
    assert len(run.take(3)) == 3
    assert len(run.take(10)) == 2
    assert run.take(10) == []
    run.tell([(i, float(i)) for i in range(5)])
    assert run.done
    assert run.npoints == 5


def test_whether_the_points_that_are_out_are_the_last() -> None:
    run = session(Goal(npoints=5), on_error="skip")
    run.take(4)
    assert not run.asks_no_more
    run.take(1)
    assert run.asks_no_more
    run.tell([(0, 1.0), (1, 1.0)])
    assert run.asks_no_more
    run.tell([(2, BROKEN)])
    assert not run.asks_no_more, "another is asked for instead"
    endless = session()
    endless.take(10)
    assert not endless.asks_no_more


def test_npoints_goal_replaces_points_that_failed() -> None:
    run = session(Goal(npoints=2), on_error="skip")
    run.take(2)
    run.tell([(0, BROKEN), (1, 1.0)])
    assert not run.done
    assert [x for _, x in run.take(5)] == [2]
    run.tell([(2, 2.0)])
    assert run.done
    assert run.npoints == 2


def test_npoints_goal_that_is_reached_at_the_start() -> None:
    learner = CountingLearner()
    learner.tell(50, 1.0)
    run = session(Goal(npoints=1), learner)
    assert run.done
    assert run.take(3) == []


def test_a_goal_that_is_reached_stays_reached() -> None:
    reached = [False]
    run = session(Goal(reached=lambda learner: reached[0]))
    run.take(3)
    reached[0] = True
    run.tell([(0, 0.0)])
    reached[0] = False
    run.tell([(1, 1.0)])
    assert run.done
    assert run.take(1) == []


def test_what_is_under_way_at_the_goal_is_still_told() -> None:
    run = session(Goal(reached=LossGoal(0.5)))
    run.take(3)
    run.tell([(2, 2.0)])
    assert run.done
    assert run.tell([(0, 0.0), (1, 1.0)]) == [(0, 0.0), (1, 1.0)]


def test_a_failure_after_the_goal_does_not_fail_the_run() -> None:
    run = session(Goal(reached=LossGoal(0.5)))
    run.take(3)
    run.tell([(0, 0.0)])
    run.tell([(1, BROKEN)])
    assert run.error is None
    assert run.book.failed == {1}
    assert run.tell([(2, "refused")]) == []
    assert run.error is None
    assert run.book.failed == {1, 2}


def test_a_learner_without_more_points_ends_the_run() -> None:
    run = session(learner=CountingLearner(supply=2))
    assert len(run.take(5)) == 2
    assert run.take(5) == []
    assert not run.done, "two points are out"
    run.tell([(0, 0.0)])
    assert run.take(1) == []
    assert not run.done
    run.tell([(1, 1.0)])
    assert run.take(1) == []
    assert run.done
    assert run.error is None


def test_finish_forgets_what_is_out() -> None:
    run = session(retries=1)
    run.take(3)
    run.tell([(0, BROKEN)])
    run.finish()
    run.finish()
    assert run.done
    assert run.points.in_flight == {}
    assert len(run.points.unresolved) == len(run.points.waiting) == 0
    assert run.book.to_retry == []
    assert run.take(3) == []
    assert run.tell([(1, 1.0), (2, BROKEN)]) == []
    assert run.lost([1]) == []
    assert run.error is None
    assert run.learner.calls.count(("remove_unfinished",)) == 1
    assert run.learner.pending_points == set()


def test_fail_ends_the_run_with_the_first_error() -> None:
    run = session()
    first = AdaptiveError("first")
    run.fail(first)
    run.fail(AdaptiveError("second"))
    assert run.done
    assert run.error is first
    assert run.take(1) == []


# ---- failures and retries


def test_a_failure_fails_the_run() -> None:
    run = session()
    run.take(2)
    run.tell([(1, BROKEN)])
    assert run.done
    assert isinstance(run.error, FunctionError)
    assert run.error.point == 1
    assert run.error.worker == "tcp://worker"
    assert run.error.__cause__ is BROKEN.exception
    assert "broken" in str(run.error)
    assert run.book.failed == {1}
    assert run.book.tracebacks == [(1, BROKEN.traceback_text)]


def test_a_failure_is_noted_when_the_run_is_to_go_on() -> None:
    run = session(on_error="skip")
    run.take(2)
    run.tell([(1, BROKEN), (0, 0.0)])
    assert not run.done
    assert run.error is None
    assert run.book.failed == {1}
    assert run.book.failure_count == 1
    assert run.tell([(1, 1.0)]) == [], "it failed for good"
    assert 1 in run.learner.pending_points, "or the learner would propose it again"


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("fatal", [True, False])
def test_retries_are_counted_for_each_point(retries: int, fatal: bool) -> None:
    run = session(retries=retries, on_error="raise" if fatal else "skip")
    ids = dict(run.take(2))
    for tries in range(1, retries + 1):
        run.tell([(0, BROKEN)])
        assert run.book.to_retry == [(ids[0], tries)]
        assert run.book.tracebacks == [(ids[0], BROKEN.traceback_text)]
        assert run.book.failed == set()
        assert run.points.in_flight == {1: 1}
        assert run.take(1) == [(0, 0)]
    run.tell([(0, BROKEN)])
    assert run.book.to_retry == []
    assert run.book.failed == {0}
    assert run.book.failure_count == retries + 1
    assert (run.error is not None) is run.done is fatal


def test_a_point_that_works_when_tried_again_leaves_no_trace() -> None:
    run = session(retries=1)
    run.take(1)
    run.tell([(0, BROKEN)])
    run.take(1)
    run.tell([(0, 5.0)])
    assert run.learner.data == {0: 5.0}
    assert run.book.tracebacks == run.book.to_retry == []
    assert run.book.failed == set()
    run.take(1)
    run.tell([(1, BROKEN)])
    assert run.error is None, "each point has its own tries"


def test_points_to_retry_come_before_new_ones_and_are_not_given_twice() -> None:
    run = session(retries=1)
    run.take(3)
    run.tell([(1, BROKEN)])
    assert len(run.points.waiting) == 1
    assert run.take(2) == [(1, 1), (3, 3)]
    assert run.take(1) == [(4, 4)]


def test_tracebacks_are_kept_for_the_first_failures_only() -> None:
    run = session(on_error="skip")
    n = MAX_TRACEBACKS + 5
    run.take(n)
    run.tell([(i, BROKEN) for i in range(n)])
    assert len(run.book.failed) == len(run.book.tracebacks) == n
    assert sum(text == BROKEN.traceback_text for _, text in run.book.tracebacks) == MAX_TRACEBACKS


# ---- what the learner or the goal raises


def test_a_learner_whose_ask_raises_fails_the_run() -> None:
    run = session()
    run.take(1)
    run.learner.ask_error = RuntimeError("no idea")
    assert run.take(1) == []
    assert isinstance(run.error, LearnerError)
    assert run.error.__cause__ is run.learner.ask_error
    assert "ask" in str(run.error)
    assert "no idea" in str(run.error)


def test_no_point_is_given_out_when_ask_has_just_failed() -> None:
    run = session(retries=1)
    run.take(1)
    run.tell([(0, BROKEN)])
    run.learner.ask_error = RuntimeError("no idea")
    assert run.take(2) == []
    assert run.done


@pytest.mark.parametrize("fatal", [True, False])
def test_one_refused_value_does_not_cost_the_others(fatal: bool) -> None:
    run = session(learner=CountingLearner(), on_error="raise" if fatal else "skip", retries=2)
    run.take(4)
    told = run.tell([(0, 0.0), (1, "text"), (2, 2.0)])
    assert told == [(0, 0.0), (2, 2.0)]
    assert run.learner.data == {0: 0.0, 2: 2.0}
    assert run.told == 2
    assert run.book.failed == {1}, "the point that was taken under this id failed"
    assert run.book.to_retry == [], "the value would be the same"
    [(x, text)] = run.book.tracebacks
    assert x == 1
    assert "'text'" in text
    assert "not a number" in text
    assert isinstance(run.error, FunctionError) is fatal
    if run.error is not None:
        assert isinstance(run.error.__cause__, TypeError)


@pytest.mark.parametrize("npoints", [2, 3, 5])
@pytest.mark.parametrize("fatal", [True, False])
def test_a_loss_that_raises_once_is_noticed_although_the_values_are_stored(npoints: int, fatal: bool) -> None:
    raised: list[Exception] = []

    def loss(xs: Any, ys: Any) -> float:
        if not raised:
            raised.append(RuntimeError("no loss"))
            raise raised[0]
        return 1.0

    run = session(learner=adaptive.Learner1D(abs, (0, 1), loss), on_error="raise" if fatal else "skip")
    taken = run.take(npoints)
    told = run.tell([(pid, x) for pid, x in taken])
    assert len(raised) == 1
    assert len(told) == npoints - 1
    assert len(run.book.failed) == 1
    assert "no loss" in run.book.tracebacks[0][1]
    assert isinstance(run.error, FunctionError) is fatal


def test_a_goal_that_raises_fails_the_run() -> None:
    run = session(Goal(reached=lambda learner: learner.data[0] > 0))
    assert isinstance(run.error, LearnerError)
    assert isinstance(run.error.__cause__, KeyError)
    assert run.done


def test_a_goal_that_raises_later_fails_the_run() -> None:
    run = session(Goal(reached=lambda learner: 1 / (1 - learner.npoints) < 0))
    run.take(1)
    assert run.error is None
    assert run.tell([(0, 0.0)]) == [(0, 0.0)]
    assert isinstance(run.error, LearnerError)
    assert "goal" in str(run.error)


def test_a_learner_that_cannot_forget_fails_the_run() -> None:
    class Stubborn(CountingLearner):
        def remove_unfinished(self) -> None:
            raise RuntimeError("never")

    run = session(learner=Stubborn())
    run.finish()
    assert isinstance(run.error, LearnerError)
    assert "remove_unfinished" in str(run.error)
