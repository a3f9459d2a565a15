"""Cost of a point of the averaging, integrating and sequence learners beside python-adaptive.

Run with ``python tests/benchmarks/learners_cost.py``. Both are measured in one run, on the same function;
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


def run(learner: Any, value: Callable[[Any], Any], n: int, k: int) -> None:
    """Ask k points at a time and tell them as a session does, with a look at the loss each time."""
    for _ in range(n // k):
        points, _ = learner.ask(k)
        if k == 1:
            learner.tell(points[0], value(points[0]))
        else:
            learner.tell_many(points, [value(x) for x in points])
        learner.loss()


def recorded(learner: Any, n: int, k: int) -> dict[Any, Any]:
    """The values at the points that a learner will ask for, so that the function costs nothing when it counts."""
    values: dict[Any, Any] = {}

    def value(x: Any) -> Any:
        return values.setdefault(x, learner.function(x))

    run(learner, value, n, k)
    return values


def cost(learner: Any, values: dict[Any, Any], n: int, k: int) -> float:
    """Microseconds of processor time a point."""
    start = time.process_time()
    run(learner, values.__getitem__, n, k)
    return (time.process_time() - start) / (n // k * k) * 1e6


def main() -> None:
    print(f"{'us a point':34s} {'ask(1)':>24s} {'ask(16)':>24s}")
    print(f"{'':34s} {'ours':>7s} {'peer':>8s} {'ratio':>6s}  {'ours':>7s} {'peer':>8s} {'ratio':>6s}")
    for name, (module, make, n) in CASES.items():
        ours = importlib.import_module(f"adaptive_dask.learner.{module}")
        peer = importlib.import_module(f"adaptive.learner.{module}")
        row = f"{name:34s}"
        for k in (1, 16):
            best = [math.inf, math.inf]
            for i, package in enumerate((ours, peer)):
                try:
                    values = recorded(make(package), n, k)
                except AssertionError:
                    # python-adaptive's IntegratorLearner, with more than one point at a time.
                    best[i] = math.nan
                    continue
                best[i] = min(cost(make(package), values, n, k) for _ in range(ROUNDS))
            row += f" {best[0]:7.1f} {best[1]:8.1f} {best[1] / best[0]:6.1f} "
        print(row, flush=True)


if __name__ == "__main__":
    main()
