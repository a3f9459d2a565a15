"""One learner of each kind, to test what all of them do the same way."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from adaptive_dask import (
    AverageLearner,
    AverageLearner1D,
    BalancingLearner,
    DataSaver,
    IntegratorLearner,
    Learner1D,
    Learner2D,
    LearnerND,
    SequenceLearner,
    SKOptLearner,
    simple,
)


def step(x: Any) -> float:
    return math.tanh(9 * (float(np.sum(x)) - 0.3))


def vector(x: Any) -> Any:
    return np.array([step(x), 1.0])


def noisy(seed_x: tuple[int, float]) -> float:
    seed, x = seed_x
    return step(x) + (seed * 7919 % 13) / 13


def saved(x: Any) -> dict[str, float]:
    return {"y": step(x)}


SQUARE = [(-1, 1)] * 2

# Each takes further settings of its learner; of the learner inside, for a DataSaver.
LEARNERS: dict[str, Callable[..., Any]] = {
    "Learner1D": lambda **k: Learner1D(step, (-1, 1), **k),
    "vectors": lambda **k: Learner1D(vector, (-1, 1), **k),
    "Learner2D": lambda **k: Learner2D(step, SQUARE, **k),
    "LearnerND": lambda **k: LearnerND(step, SQUARE, **k),
    "boxes": lambda **k: LearnerND(step, SQUARE, partition="boxes", **k),
    "SequenceLearner": lambda: SequenceLearner(step, [0.1, 0.2, 0.3]),
    "AverageLearner": lambda: AverageLearner(lambda seed: seed % 3 * 1.0, atol=0.1),
    "AverageLearner1D": lambda **k: AverageLearner1D(noisy, (-1, 1), min_samples=2, max_samples=2, **k),
    "IntegratorLearner": lambda: IntegratorLearner(step, (-1, 1), tol=1e-9),
    "SKOptLearner": lambda: SKOptLearner(step, dimensions=[(-1.0, 1.0)], n_initial_points=99),
    "BalancingLearner": lambda: BalancingLearner([Learner1D(step, (-1, 1)), Learner1D(step, (-1, 1))]),
    "DataSaver": lambda **k: DataSaver(Learner1D(saved, (-1, 1), **k), itemgetter("y")),
    "named results": lambda **k: DataSaver(Learner1D(saved, (-1, 1), **k), learn="y"),
    "DataSaver of Learner2D": lambda **k: DataSaver(Learner2D(saved, SQUARE, **k), itemgetter("y")),
}


def run(learner: Any, n: int = 20) -> Any:
    """Run a learner to n points, or until its loss is 0, and return it."""
    simple(learner, goal=lambda each: each.npoints >= n or each.loss() == 0)
    return learner
