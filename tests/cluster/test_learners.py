"""Every kind of learner on a cluster, through the same Runner."""

from __future__ import annotations

import math
import sys

import adaptive as python_adaptive
import cloudpickle
import numpy as np
import pytest

import adaptive_dask as adaptive

from .conftest import TIMEOUT
from .functions import peak

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


def ring(xy):
    x, y = xy
    return x + math.exp(-((x**2 + y**2 - 0.75**2) ** 2) / 0.2**4)


def sphere(xyz):
    x, y, z = xyz
    return x + z**2 + math.exp(-((x**2 + y**2 + z**2 - 0.75**2) ** 2) / 0.4**4)


def two_rings(xy):
    return np.array([ring(xy), xy[0] - xy[1]])


class Halving:
    """A learner of a user's own: no base class, no types, just ask and tell."""

    def __init__(self, function):
        self.function = function
        self.data = {}
        self.asked = 0

    @property
    def npoints(self):
        return len(self.data)

    def ask(self, n):
        first, self.asked = self.asked, self.asked + n
        return [1 / (i + 1) for i in range(first, first + n)], [math.inf] * n

    def tell(self, x, y):
        self.data[x] = y

    def tell_many(self, xs, ys):
        self.data.update(zip(xs, ys, strict=True))

    def remove_unfinished(self):
        pass

    def loss(self):
        return 1 / (1 + self.npoints)


SQUARE = [(-1, 1), (-1, 1)]
LEARNERS = {
    "Learner1D": (lambda: adaptive.Learner1D(peak, (-1, 1)), peak),
    "Learner2D": (lambda: adaptive.Learner2D(ring, SQUARE), ring),
    "Learner2D of vectors": (lambda: adaptive.Learner2D(two_rings, SQUARE), two_rings),
    "LearnerND": (lambda: adaptive.LearnerND(sphere, [(-1, 1)] * 3), sphere),
    "one's own": (lambda: Halving(peak), peak),
    "python-adaptive": (lambda: python_adaptive.Learner1D(peak, (-1, 1)), peak),
}


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_runs_on_a_cluster(client, kind):
    make, function = LEARNERS[kind]
    runner = adaptive.Runner(make(), npoints_goal=150)
    learner = runner.result(TIMEOUT)
    assert runner.status() == "finished"
    assert learner.npoints == len(learner.data) == 150
    for x, y in learner.data.items():
        np.testing.assert_array_equal(y, function(x))
    assert runner.info()["loss"] == pytest.approx(runner.actor.loss())


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_run_of_a_learner_can_be_joined(client, kind):
    make, _ = LEARNERS[kind]
    first = adaptive.Runner(make(), npoints_goal=60, name="shared")
    assert len(adaptive.attach("shared").result(TIMEOUT).data) == 60
    assert first.result(TIMEOUT).npoints == 60
