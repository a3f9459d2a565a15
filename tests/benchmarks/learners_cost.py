"""Cost of a point of the averaging, integrating and sequence learners beside python-adaptive.

Run with ``python -m tests.benchmarks.learners_cost``. Both are measured in one run, on the same function, as their
runners use them: k points are asked at a time, the results of k points are told, and the goal looks at the loss. A
session of ours tells them with one ``tell_many``; python-adaptive's runner calls ``tell`` for each. What
python-adaptive would need with ``tell_many`` stands beside. The figure is the best of some alternating rounds of
processor time, in microseconds a point, without the function's own time.
"""

from __future__ import annotations

import importlib
import math
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.benchmarks.reporting import IS_QUICK

ROUNDS = 1 if IS_QUICK else 5


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


def run(learner: Any, value: Callable[[Any], Any], n: int, k: int, one_by_one: bool) -> None:
    """Ask k points at a time, tell their values and look at the loss, as a runner does."""
    for _ in range(n // k):
        points, _ = learner.ask(k)
        if k == 1 or one_by_one:
            for x in points:
                learner.tell(x, value(x))
        else:
            learner.tell_many(points, list(map(value, points)))
        learner.loss()


def recorded(learner: Any, n: int, k: int, one_by_one: bool) -> dict[Any, Any]:
    """The values at the points that a learner will ask for, so that the function costs nothing when it counts."""
    values: dict[Any, Any] = {}

    def value(x: Any) -> Any:
        return values.setdefault(x, learner.function(x))

    run(learner, value, n, k, one_by_one)
    return values


def costs(sides: list[tuple[Callable[[], Any], bool]], n: int, k: int) -> list[float]:
    """Microseconds of processor time a point, of each side."""
    best = [math.inf] * len(sides)
    values: list[dict[Any, Any] | None] = []
    for make, one_by_one in sides:
        try:
            values.append(recorded(make(), n, k, one_by_one))
        except AssertionError:
            # python-adaptive's IntegratorLearner, with more than one point at a time.
            values.append(None)
    for _ in range(ROUNDS):
        for i, ((make, one_by_one), known) in enumerate(zip(sides, values, strict=True)):
            if known is None:
                best[i] = math.nan
                continue
            learner, value = make(), known.__getitem__
            start = time.process_time()
            run(learner, value, n, k, one_by_one)
            seconds = time.process_time() - start
            start = time.process_time()
            for x in known:
                value(x)
            seconds -= time.process_time() - start
            best[i] = min(best[i], seconds / (n // k * k) * 1e6)
    return best


def main() -> None:
    print(f"{'us a point':34s} {'ask(1)':>24s} {'ask(16)':>33s}")
    print(
        f"{'':34s} {'ours':>7s} {'peer':>8s} {'ratio':>6s}  {'ours':>7s} {'peer':>8s} {'ratio':>6s} {'tell_many':>9s}"
    )
    for name, (module, make, most) in CASES.items():
        n = most // 50 if IS_QUICK else most
        ours = importlib.import_module(f"adaptive_dask.learner.{module}")
        peer = importlib.import_module(f"adaptive.learner.{module}")
        row = f"{name:34s}"
        for k in (1, 16):
            sides = [(partial(make, ours), False), (partial(make, peer), True), (partial(make, peer), False)]
            best = costs(sides if k > 1 else sides[:2], n, k)
            row += f" {best[0]:7.1f} {best[1]:8.1f} {best[1] / best[0]:6.1f} "
            if k > 1:
                row += f"{best[2]:9.1f}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
