"""Every kind of learner on a cluster, through the same Runner."""

from __future__ import annotations

import math
import random
import sys

import adaptive as python_adaptive
import cloudpickle
import numpy as np
import pytest
import scipy.integrate

import adaptive_dask as adaptive

from ..patience import TIMEOUT
from .conftest import host_of
from .functions import peak

pytestmark = pytest.mark.long

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


SQUARE = [(-1, 1), (-1, 1)]
LEARNERS = {
    "Learner1D": (lambda: adaptive.Learner1D(peak, (-1, 1)), peak),
    "Learner2D": (lambda: adaptive.Learner2D(ring, SQUARE), ring),
    "Learner2D of vectors": (lambda: adaptive.Learner2D(two_rings, SQUARE), two_rings),
    "LearnerND": (lambda: adaptive.LearnerND(sphere, [(-1, 1)] * 3), sphere),
    "SparseGridLearner": (lambda: adaptive.SparseGridLearner(sphere, [(-1, 1)] * 3), sphere),
    "SparseGridLearner of vectors": (lambda: adaptive.SparseGridLearner(two_rings, SQUARE), two_rings),
    "one's own": (lambda: Halving(peak), peak),
    "python-adaptive": (lambda: python_adaptive.Learner1D(peak, (-1, 1)), peak),
}


def test_a_learner_that_refuses_what_it_did_not_ask_for_has_the_results_at_the_end(client):
    learner = python_adaptive.IntegratorLearner(peak, (-1, 1), 1e-6)
    runner = adaptive.Runner(learner, goal=lambda learner: learner.done(), ntasks=1)
    assert runner.result(TIMEOUT) is learner
    assert learner.done()
    assert learner.igral == pytest.approx(scipy.integrate.quad(peak, -1, 1, points=[0])[0], abs=1e-5)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_runs_on_a_cluster(client, kind):
    make, function = LEARNERS[kind]
    runner = adaptive.Runner(make(), npoints_goal=150)
    learner = runner.result(TIMEOUT)
    assert runner.status() == "finished"
    assert learner.npoints == len(learner.data) == 150
    for x, y in learner.data.items():
        np.testing.assert_array_equal(y, function(x))
    if hasattr(learner, "loss"):
        assert runner.info()["loss"] == pytest.approx(runner.actor.loss())


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_run_of_a_learner_can_be_joined(client, kind):
    make, _ = LEARNERS[kind]
    first = adaptive.Runner(make(), npoints_goal=60, name="shared")
    assert len(adaptive.attach("shared").result(TIMEOUT).data) == 60
    assert first.result(TIMEOUT).npoints == 60


def noise(seed):
    return random.Random(seed).gauss(0.5, 1)


def noisy_peak(seed_x):
    seed, x = seed_x
    return x + 0.01 / (0.01 + x**2) + random.Random(seed).gauss(0, 0.1)


def exact_floor(x):
    return math.floor(math.exp(x))


def square_of(thing):
    return thing["value"] ** 2


def slope(x, a=0.0):
    return a * x + 1e-4 / (1e-4 + (x - a) ** 2)


def with_extra(x):
    return {"y": peak(x), "noise": [x] * 100}


def picked(result):
    return result["y"]


def test_an_average_is_found(client):
    learner = adaptive.AverageLearner(noise, atol=0.05)
    runner = adaptive.BlockingRunner(learner, loss_goal=1)
    assert abs(learner.mean - 0.5) < 0.3
    assert learner.mean == pytest.approx(np.mean([noise(seed) for seed in learner.data]))
    assert runner.actor.mean == pytest.approx(learner.mean)


def test_a_noisy_function_is_averaged_where_it_pays(client):
    learner = adaptive.AverageLearner1D(noisy_peak, bounds=(-1, 1))
    adaptive.BlockingRunner(learner, goal=lambda learner: learner.nsamples >= 400)
    assert learner.nsamples >= 400
    assert 2 < learner.npoints < 400


def test_an_integral_is_found(client):
    learner = adaptive.IntegratorLearner(exact_floor, bounds=(0, 3), tol=1e-8)
    adaptive.BlockingRunner(learner)  # it knows when it is done
    jumps = [math.log(n) for n in range(1, 21)]
    exact = sum(n * (end - begin) for n, (begin, end) in enumerate(zip(jumps, [*jumps[1:], 3.0], strict=True), 1))
    assert learner.done()
    assert abs(learner.igral - exact) <= max(learner.err, 1e-8)


def test_a_sequence_of_any_objects_is_worked_off(client):
    things = [{"value": i} for i in range(50)]
    learner = adaptive.SequenceLearner(square_of, things)
    runner = adaptive.BlockingRunner(learner)
    assert learner.done()
    assert learner.result() == [i**2 for i in range(50)]
    assert runner.info()["evaluated"] == 50


def test_children_are_balanced(client):
    learner = adaptive.BalancingLearner.from_product(
        slope, adaptive.Learner1D, {"bounds": (-1, 1)}, {"a": [-0.5, 0.0, 0.5]}
    )
    adaptive.BlockingRunner(learner, loss_goal=0.1)
    assert learner.loss() <= 0.1
    for child, a in zip(learner.learners, [-0.5, 0.0, 0.5], strict=True):
        assert child.npoints > 10
        assert all(y == slope(x, a) for x, y in child.data.items())


def test_extra_data_are_kept_beside(client):
    learner = adaptive.DataSaver(adaptive.Learner1D(with_extra, bounds=(-1, 1)), arg_picker=picked)
    adaptive.BlockingRunner(learner, npoints_goal=60)
    assert learner.learner.npoints == len(learner.extra_data) == 60
    for x, y in learner.learner.data.items():
        assert y == peak(x)
        assert learner.extra_data[x] == with_extra(x)


def test_an_optimum_is_found(client):
    pytest.importorskip("skopt", reason="the extra skopt is not installed")
    learner = adaptive.SKOptLearner(slope, dimensions=[(-1.0, 1.0)], base_estimator="GP", acq_func="gp_hedge")
    adaptive.BlockingRunner(learner, npoints_goal=15, ntasks=2)
    assert learner.npoints == 15


def test_a_learner_with_ask_and_tell_only_catches_up(client, cluster):
    runner = adaptive.Runner(Halving(peak), npoints_goal=3000)
    run = host_of(cluster).runs[runner.name]
    cluster.loop.add_callback(run.feed._chunks.clear)
    learner = runner.result(TIMEOUT)
    assert learner.npoints == 3000
    assert learner.function is peak
