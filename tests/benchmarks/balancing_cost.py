"""What a point costs in a BalancingLearner, by the number of children, beside python-adaptive.

Run ``python -m tests.benchmarks.balancing_cost``. Each figure is the median over blocks of ask(1), tell and
loss, after every child has a few points, in microseconds of processor time a point.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from typing import Any

import adaptive

from adaptive_dask.learner.balancing_learner import BalancingLearner
from adaptive_dask.learner.learner1D import Learner1D
from adaptive_dask.testing.functions import peak
from tests.benchmarks.reporting import IS_QUICK

POINTS_AT_START = 6
BLOCK = 200


def children(kind: Any, n: int) -> list[Any]:
    offsets = [2 * (i + 0.5) / n - 1 for i in range(n)]
    learners = [kind(functools.partial(peak, at=offset), (-1, 1)) for offset in offsets]
    for learner in learners:
        xs = [-1 + 2 * k / (POINTS_AT_START - 1) for k in range(POINTS_AT_START)]
        learner.tell_many(xs, [learner.function(x) for x in xs])
    return learners


def cost(learner: Any, points: int) -> float:
    """Microseconds a point, beyond what the function takes."""
    blocks = []
    learner.ask(1, tell_pending=False)
    learner.loss()
    for _ in range(points // BLOCK):
        in_function = 0.0
        begin = time.process_time()
        for _ in range(BLOCK):
            (x,), _ = learner.ask(1)
            start = time.process_time()
            y = learner.function(x)
            in_function += time.process_time() - start
            learner.tell(x, y)
            learner.loss()
        blocks.append((time.process_time() - begin - in_function) / BLOCK * 1e6)
    return statistics.median(blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    points = 200 if parser.parse_args().quick else 6000
    print(f"{'learner':<45}{'µs/point':>10}")
    print(f"{'Learner1D':<45}{cost(children(Learner1D, 1)[0], points):10.0f}")
    for strategy in ["loss_improvements", "loss", "npoints", "cycle"]:
        for n in (1, 50) if IS_QUICK else (1, 500, 10_000):
            figure = cost(BalancingLearner(children(Learner1D, n), strategy=strategy), points)
            print(f"{f'BalancingLearner, {strategy}, {n} children':<45}{figure:10.0f}")
    for n in (1, 50) if IS_QUICK else (1, 500):
        figure = cost(adaptive.BalancingLearner(children(adaptive.Learner1D, n)), min(points, 1000))
        print(f"{f'python-adaptive, loss_improvements, {n} children':<45}{figure:10.0f}")


if __name__ == "__main__":
    main()
