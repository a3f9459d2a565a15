"""Functions that take many points in one call."""

from __future__ import annotations

import numpy as np
import pytest

import adaptive_dask as adaptive
from adaptive_dask.errors import BatchShapeError, FunctionError

from ..patience import TIMEOUT, wait_until


def learner(function, bounds=(-1, 1)):
    return adaptive.Learner1D(function, bounds=bounds)


def sized(x):
    """The square, and how many points came along."""
    return np.stack([x * x, np.full(len(x), len(x))], axis=1)


def test_points_come_in_batches(client):
    runner = adaptive.BlockingRunner(learner(sized), npoints_goal=3000, vectorized=True)
    data = runner.learner.data
    assert len(data) == 3000
    assert all(y[0] == x * x for x, y in data.items())
    assert max(y[1] for y in data.values()) > 5


def test_tuples_come_as_rows(client):
    def distance(points):
        assert points.ndim == 2
        return np.hypot(points[:, 0], points[:, 1])

    runner = adaptive.BlockingRunner(
        adaptive.Learner2D(distance, bounds=[(-1, 1), (0, 2)]), npoints_goal=200, vectorized=True
    )
    assert len(runner.learner.data) == 200
    assert all(y == pytest.approx(np.hypot(*x)) for x, y in runner.learner.data.items())


def test_batches_are_as_long_as_they_should_last(client):
    def slow(x):
        import time

        time.sleep(0.004 * len(x))  # the function is slow
        return np.full(len(x), float(len(x)))

    runner = adaptive.BlockingRunner(learner(slow), npoints_goal=600, vectorized=True, ntasks=400)
    assert 2 <= max(runner.learner.data.values()) <= 25


def test_only_the_culprit_fails(client):
    def fussy(x):
        if np.any((x > 0.3) & (x < 0.4)):
            raise ArithmeticError("cannot do that")
        return x * x

    runner = adaptive.Runner(learner(fussy), npoints_goal=400, vectorized=True, on_error="skip")
    data = runner.result(TIMEOUT).data
    assert len(data) == 400
    assert all(y == x * x for x, y in data.items())
    assert runner.failures
    assert all(0.3 < failed.point < 0.4 for failed in runner.failures)


@pytest.mark.parametrize("wrong", [lambda x: x[:-1], lambda x: 1.0, lambda x: np.sum(x), lambda x: [*x, 1.0]])
def test_a_wrong_number_of_values_is_told(client, wrong):
    runner = adaptive.Runner(learner(wrong), npoints_goal=50, vectorized=True)
    with pytest.raises(FunctionError, match="returns n values") as caught:
        runner.result(TIMEOUT)
    assert isinstance(caught.value.exception, BatchShapeError)


@pytest.mark.long
def test_a_worker_that_is_killed_loses_nothing(own_client, kill_worker):
    def slow(x):
        import time

        time.sleep(0.0005 * len(x))  # the function is slow
        return x * x

    runner = adaptive.Runner(learner(slow), npoints_goal=6000, vectorized=True)
    wait_until(lambda: runner.info().get("npoints", 0) > 200)
    kill_worker(0)
    data = runner.result(TIMEOUT).data
    assert len(data) == 6000
    assert all(y == x * x for x, y in data.items())
    assert runner.failed == set()
    own_client.wait_for_workers(2, timeout=TIMEOUT)


def test_ordered_runs_are_the_same(client):
    def square(x):
        return x * x

    runs = [
        adaptive.BlockingRunner(learner(square), npoints_goal=300, vectorized=vectorized, ordered=True, ntasks=20)
        for vectorized in (False, True)
    ]
    one, other = (list(runner.learner.data.items()) for runner in runs)
    assert one == other
