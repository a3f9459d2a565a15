"""Cost of a point, ask(1) and tell, of the averaging, integrating and sequence learners beside python-adaptive.

Run with ``python tests/benchmarks/learners_cost.py``. Both are measured in one run, alternating, on the same function;
the figure is the best of some rounds of processor time, in microseconds a point, without the function's own time.
"""

from __future__ import annotations

import importlib
import math
import random
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 5


def gaussian(seed: int) -> float:
    return NOISE[seed % len(NOISE)]


def noisy(point: tuple[int, float]) -> float:
    seed, x = point
    return math.sin(3 * x) + NOISE[(seed + hash(x)) % len(NOISE)]


def stairs(x: float) -> float:
    return float(math.floor(math.exp(x)))


def wave(x: float) -> float:
    return math.sin(1000 * x) + math.sqrt(abs(x - 0.3))


NOISE = [random.Random(i).gauss(0, 0.3) for i in range(1009)]

Make = Callable[[Any], Any]

CASES: dict[str, tuple[str, Make, int]] = {
    "AverageLearner": ("average_learner", lambda m: m.AverageLearner(gaussian, atol=1e-3), 20_000),
    "AverageLearner1D, 50 samples": ("average_learner1D", lambda m: m.AverageLearner1D(noisy, (-1, 1)), 5_000),
    "AverageLearner1D, 5 samples": (
        "average_learner1D",
        lambda m: m.AverageLearner1D(noisy, (-1, 1), min_samples=5, delta=0.5),
        5_000,
    ),
    "IntegratorLearner, stairs": (
        "integrator_learner",
        lambda m: m.IntegratorLearner(stairs, (0, 3), 1e-8),
        5_000,
    ),
    "IntegratorLearner, wave": ("integrator_learner", lambda m: m.IntegratorLearner(wave, (0, 1), 1e-10), 5_000),
    "SequenceLearner": ("sequence_learner", lambda m: m.SequenceLearner(math.sqrt, range(20_000)), 20_000),
}


def cost(learner: Any, n: int, k: int, goal: Callable[[Any], Any]) -> float:
    """Microseconds of processor time a point."""
    function = learner.function
    spent = 0.0
    done = 0
    while done < n:
        start = time.process_time()
        points, _ = learner.ask(k)
        spent += time.process_time() - start
        values = [function(x) for x in points]
        start = time.process_time()
        for x, y in zip(points, values, strict=True):
            learner.tell(x, y)
        goal(learner)
        spent += time.process_time() - start
        done += len(points)
    return spent / done * 1e6


def main() -> None:
    print(f"{'us a point':34s} {'ask(1)':>24s} {'ask(16)':>24s}")
    print(f"{'':34s} {'ours':>7s} {'peer':>8s} {'ratio':>6s}  {'ours':>7s} {'peer':>8s} {'ratio':>6s}")
    for name, (module, make, n) in CASES.items():
        ours = importlib.import_module(f"adaptive_dask.learner.{module}")
        peer = importlib.import_module(f"adaptive.learner.{module}")
        row = f"{name:34s}"
        for k in (1, 16):
            best = [math.inf, math.inf]
            for _ in range(ROUNDS):
                for i, package in enumerate((ours, peer)):
                    try:
                        best[i] = min(best[i], cost(make(package), n, k, lambda learner: learner.loss()))
                    except AssertionError:
                        # python-adaptive's IntegratorLearner, with more than one point at a time.
                        best[i] = math.nan
            row += f" {best[0]:7.1f} {best[1]:8.1f} {best[1] / best[0]:6.1f} "
        print(row, flush=True)


if __name__ == "__main__":
    main()
