"""Learners of python-adaptive run on our executors too, and have their results."""

from __future__ import annotations

import math
import operator
from concurrent.futures import ThreadPoolExecutor

import adaptive as python_adaptive
import pytest

import adaptive_dask as adaptive

from ..patience import TIMEOUT


def square(x):
    return x**2


def noisy(point):
    seed, x = point
    return x + 0.01 * math.sin(seed)


LEARNERS = {
    "Learner1D": lambda: python_adaptive.Learner1D(square, (-1, 1)),
    "Learner2D": lambda: python_adaptive.Learner2D(sum, [(-1, 1)] * 2),
    "LearnerND": lambda: python_adaptive.LearnerND(sum, [(-1, 1)] * 3),
    "AverageLearner": lambda: python_adaptive.AverageLearner(math.sin, atol=0.01),
    "AverageLearner1D": lambda: python_adaptive.AverageLearner1D(noisy, (-1, 1), min_samples=4),
    "SequenceLearner": lambda: python_adaptive.SequenceLearner(math.sqrt, range(100)),
    "BalancingLearner": lambda: python_adaptive.BalancingLearner(
        [python_adaptive.AverageLearner(math.sin, atol=0.01) for _ in range(3)]
    ),
    "DataSaver": lambda: python_adaptive.DataSaver(
        python_adaptive.AverageLearner(lambda seed: {"y": math.sin(seed)}, atol=0.01), operator.itemgetter("y")
    ),
}


def test_a_learner_that_refuses_what_it_did_not_ask_for_has_the_results_at_the_end():
    learner = python_adaptive.IntegratorLearner(square, (0, 1), 1e-8)
    with ThreadPoolExecutor(1) as pool:
        runner = adaptive.Runner(learner, goal=lambda learner: learner.done(), executor=pool)
        assert runner.result(TIMEOUT) is learner
    assert learner.done()
    assert learner.igral == pytest.approx(1 / 3)


@pytest.mark.parametrize("kind", LEARNERS)
def test_the_learner_that_was_passed_in_has_the_results(kind):
    learner = LEARNERS[kind]()
    with ThreadPoolExecutor(2) as pool:
        runner = adaptive.Runner(learner, goal=lambda learner: learner.npoints >= 40, executor=pool)
        assert runner.result(TIMEOUT) is learner
    assert learner.npoints >= 40
    points = sum(len(child.data) for child in learner.learners) if kind == "BalancingLearner" else len(learner.data)
    assert points >= 40 or kind == "AverageLearner1D"  # of which data has the means
    assert learner.loss() < math.inf
