"""User code that raises what ends a thread, an event loop or a process fails its run, and touches nobody else."""

from __future__ import annotations

import asyncio
import concurrent.futures

import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import AdaptiveError, FunctionError, LearnerError
from adaptive_dask.plain import safe_str

from ..patience import TIMEOUT, wait_until
from .functions import peak, slow_peak

pytestmark = pytest.mark.long


class Unprintable(Exception):
    def __repr__(self):
        raise ValueError("repr")

    __str__ = __repr__


class Unreducible(Exception):
    def __reduce__(self):
        raise SystemExit("reduce")


def exits(*args):
    raise SystemExit("unpickled")


class Unloadable(Exception):
    def __reduce__(self):
        return exits, ()


class BecomesANumber(Exception):
    def __reduce__(self):
        return int, (3,)


KINDS = [
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    StopIteration,
    asyncio.CancelledError,
    concurrent.futures.CancelledError,
    Unprintable,
    Unreducible,
    Unloadable,
    BecomesANumber,
]


def raising(kind):
    def raises(*args, **kwargs):
        raise kind()

    return raises


class Value:
    """Cannot be unpickled but where it was made."""

    def __init__(self, kind):
        self.kind = kind

    def __reduce__(self):
        return raise_, (self.kind,)

    def __float__(self):
        return 1.0


def raise_(kind):
    raise kind()


class AsksNothing(adaptive.Learner1D):
    kind = None

    def ask(self, *args, **kwargs):
        raise self.kind()


class CannotBeLoaded(adaptive.Learner1D):
    kind = None

    def __setstate__(self, state):
        raise self.kind()


def learner_of(base, kind):
    return type(base.__name__, (base,), {"kind": kind})(peak, (-1, 1))


def once(kind):
    """A goal that raises, but not before the run goes on."""

    def goal(learner):
        if learner.npoints > 5:
            raise kind()
        return False

    return goal


@pytest.fixture
def healthy(client):
    """A run that goes on until the others have ended."""
    runner = adaptive.Runner(adaptive.Learner1D(slow_peak, (-1, 1)), name="healthy")
    yield runner
    before = runner.info().get("npoints", 0)
    wait_until(lambda: runner.info().get("npoints", 0) > before + 20)
    assert {run["name"]: run["status"] for run in adaptive.runs()}["healthy"] == "running"
    runner.cancel()
    assert runner.wait(TIMEOUT)


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_scheduler_it_is_the_error_of_its_run(healthy, kind):
    line = adaptive.Learner1D(peak, (-1, 1))
    runners = [
        adaptive.Runner(learner_of(AsksNothing, kind), npoints_goal=20),
        adaptive.Runner(line.new(), goal=once(kind)),
        adaptive.Runner(adaptive.Learner1D(raising(ValueError), (-1, 1)), npoints_goal=20, on_error=raising(kind)),
    ]
    # `attach` loads the loss function, too.
    lossy = adaptive.Learner1D(peak, (-1, 1), loss_per_interval=raising(kind))
    runners.append(adaptive.Runner(lossy, npoints_goal=20))
    for runner in runners:
        runner._run.done.exception(TIMEOUT)  # the learner here is told by another thread, for its loss raises as well
        with pytest.raises(AdaptiveError) as caught:
            runner.result(TIMEOUT)
        assert isinstance(caught.value, LearnerError | FunctionError)
        assert runner.status() == "failed"
        assert kind.__name__ in str(caught.value)
        if kind not in (Unreducible, Unloadable, BecomesANumber):
            assert type(caught.value.__cause__) is kind or kind is Unprintable
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it became on its way
        healthy.call(raising(kind))
    assert isinstance(caught.value, Exception)
    assert kind.__name__ in type(caught.value).__name__ + safe_str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_learner_that_cannot_be_loaded_starts_no_run(healthy, kind):
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever it became on its way
        adaptive.Runner(learner_of(CannotBeLoaded, kind), npoints_goal=20, name="never")
    assert isinstance(caught.value, Exception)
    assert "never" not in {run["name"] for run in adaptive.runs()}


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_worker_it_is_a_failed_point(healthy, kind):
    def function(i):
        if i == 1:
            raise kind()
        return Value(kind) if i == 2 else float(i)

    runner = adaptive.Runner(adaptive.SequenceLearner(function, range(5)), on_error="skip")
    wait_until(lambda: runner.info().get("npoints") == 3)
    failures = wait_until(lambda: len(runner.failures) == 2 and runner.failures)
    assert sorted(failed.point for failed in failures) == [(1, 1), (2, 2)]
    runner.cancel()
    assert runner.wait(TIMEOUT)
    assert runner.learner.data == {0: 0.0, 3: 3.0, 4: 4.0}


def test_a_bound_that_fails_ends_a_run_whose_goal_is_a_loss(healthy):
    learner = adaptive.Learner1D(lambda x: 1 / (x < 1), (-1, 1))
    runner = adaptive.Runner(learner, loss_goal=0.01, on_error="skip")
    with pytest.raises(
        adaptive.errors.FunctionError, match=r"needs points that failed: 1\.0\. .*(?s:.*)division by zero"
    ):
        runner.result(TIMEOUT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_that_raises_it_is_logged(healthy, kind):
    seen = []

    def callback(learner, xs, ys):
        seen.append(xs)
        raise kind()

    runner = adaptive.Runner(adaptive.Learner1D(peak, (-1, 1)), npoints_goal=50, on_results=callback)
    if kind is KeyboardInterrupt:  # in the main thread it is Ctrl-C
        runner._run.done.exception(TIMEOUT)
    assert runner.result(TIMEOUT).npoints == 50
    assert seen
