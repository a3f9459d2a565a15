"""Errors that cannot be sent or loaded as they are reach who waits for them all the same, and touch nobody else."""

from __future__ import annotations

import threading

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerError
from adaptive_dask.run.pickling import dumps, pack_error, unpack_error

from ..patience import TIMEOUT
from .functions import peak, slow_peak

pytestmark = pytest.mark.long


class Picky(Exception):
    """Is made from two arguments and keeps one, so that it can be pickled but not loaded."""

    def __init__(self, one, two):
        super().__init__(one)


def with_a_lock(error):
    error.lock = threading.Lock()
    return error


def raises_what_cannot_be_loaded(*args):
    raise Picky("the user's own", 2)


def raises_what_cannot_be_pickled(*args):
    raise with_a_lock(ValueError("the user's own"))


def function_error():
    return FunctionError(0.5, "the traceback", "worker", with_a_lock(ValueError("cause")), "log")


def test_an_error_comes_as_full_as_it_can():
    plain = unpack_error(pack_error(ValueError("a", 1)))
    assert type(plain) is ValueError
    assert plain.args == ("a", 1)

    without_cause = unpack_error(pack_error(function_error()))
    assert type(without_cause) is FunctionError
    assert (without_cause.point, without_cause.traceback_text) == (0.5, "the traceback")
    assert without_cause.exception is None

    without_attributes = unpack_error(pack_error(with_a_lock(KeyError("b"))))
    assert type(without_attributes) is KeyError
    assert without_attributes.args == ("b",)

    text = unpack_error(pack_error(Picky("what it says", 2)))
    assert type(text) is AdaptiveError
    assert "Picky" in str(text)
    assert "what it says" in str(text)


class Unprintable(Picky):
    def __str__(self):
        raise ValueError("no")


@pytest.mark.parametrize("packed", [[], [b"nonsense"], [dumps(3)], pack_error(Unprintable(threading.Lock(), 2))])
def test_there_is_always_an_error(packed):
    assert isinstance(unpack_error(packed), AdaptiveError)


def test_other_versions_send_one_form():
    assert isinstance(unpack_error(dumps(KeyError("a"))), KeyError)


@pytest.mark.parametrize("loss", [raises_what_cannot_be_loaded, raises_what_cannot_be_pickled])
def test_a_loss_that_raises_it_fails_its_run_only(client, loss):
    healthy = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)), npoints_goal=100)
    runner = adaptive.Runner(adaptive.Learner1D(peak, (-1, 1), loss_per_interval=loss), npoints_goal=20)
    with pytest.raises(FunctionError, match="the user's own"):
        runner.result(TIMEOUT)
    assert healthy.result(TIMEOUT).npoints == 100


@pytest.mark.parametrize("what", [raises_what_cannot_be_loaded, raises_what_cannot_be_pickled])
def test_a_goal_that_raises_it_later_is_named(client, what):
    runner = adaptive.Runner(adaptive.Learner1D(peak, (-1, 1)), goal=lambda learner: learner.npoints > 5 and what())
    with pytest.raises(LearnerError, match="the user's own"):
        runner.result(TIMEOUT)


@pytest.mark.parametrize("function", [raises_what_cannot_be_loaded, raises_what_cannot_be_pickled])
@pytest.mark.parametrize("adds", [False, True])
def test_a_function_or_on_error_that_raises_it_fails_its_run_only(client, function, adds):
    def on_error(point, error):
        raise with_a_lock(error)

    healthy = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)), npoints_goal=100)
    runner = adaptive.Runner(
        adaptive.Learner1D(function, (-1, 1)), npoints_goal=20, on_error=on_error if adds else "raise"
    )
    with pytest.raises(FunctionError, match="the user's own"):
        runner.result(TIMEOUT)
    assert healthy.result(TIMEOUT).npoints == 100


def test_a_call_that_raises_it_says_what_it_was(client):
    runner = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)))
    with pytest.raises(AdaptiveError, match="Picky"):
        runner.call(raises_what_cannot_be_loaded)
    with pytest.raises(ValueError, match="the user's own"):
        runner.call(raises_what_cannot_be_pickled)
    runner.cancel()


class CannotBeLoaded(adaptive.Learner1D):
    def __setstate__(self, state):
        raise Picky("the user's own", 2)


def test_of_many_runs_only_the_one_that_raises_it_fails(client):
    learners = [adaptive.Learner1D(peak, (-1, 1)) for _ in range(4)]
    learners.insert(1, CannotBeLoaded(peak, (-1, 1)))
    runs = adaptive.run_many(learners, npoints_goal=10, name="many")
    assert runs.wait(TIMEOUT)
    assert list(runs.failures) == ["many-1"]
    assert "the user's own" in str(runs.failures["many-1"])
    assert [learner.npoints for learner in learners] == [10, 0, 10, 10, 10]
