"""Cost of a point of a learner over a `Space` beside the same learner without one.

Run with ``python -m tests.benchmarks.space_cost``. As in a run, k points are asked for at a time, the function is
called, and the results of k points are told with one ``tell_many``. By hand, the function takes the exponent and raises
ten to it. Both are measured in turns, in processor time; the figures are the medians of some rounds, in microseconds
per point, and of the ratios of the rounds.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import adaptive_dask as adaptive
from adaptive_dask import Log, Space

ROUNDS, K = 7, 10


def of_one(energy: float) -> float:
    return math.tanh(20 * math.log10(energy))


def of_two(energy: float, field: float) -> float:
    return math.exp(-20 * (math.log10(energy) ** 2 + field**2))


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any], int]] = {
    "Learner1D, Log": (
        lambda: adaptive.Learner1D(of_one, Space(energy=Log(0.1, 10))),
        lambda: adaptive.Learner1D(lambda u: of_one(10.0**u), (-1, 1)),
        5000,
    ),
    "Learner1D, linear": (
        lambda: adaptive.Learner1D(of_one, Space(energy=(0.1, 10))),
        lambda: adaptive.Learner1D(of_one, (0.1, 10)),
        5000,
    ),
    "Learner2D, Log": (
        lambda: adaptive.Learner2D(of_two, Space(energy=Log(0.1, 10), field=(-1, 1))),
        lambda: adaptive.Learner2D(lambda p: of_two(10.0 ** p[0], p[1]), [(-1, 1), (-1, 1)]),
        1000,
    ),
    "LearnerND, Log": (
        lambda: adaptive.LearnerND(of_two, Space(energy=Log(0.1, 10), field=(-1, 1))),
        lambda: adaptive.LearnerND(lambda p: of_two(10.0 ** p[0], p[1]), [(-1, 1), (-1, 1)]),
        1000,
    ),
}


def seconds(make: Callable[[], Any], n: int) -> float:
    learner = make()
    function = learner.function
    begin = time.process_time()
    while learner.npoints < n:
        points, _ = learner.ask(K)
        learner.tell_many(points, [function(x) for x in points])
        learner.loss()
    return time.process_time() - begin


def main() -> None:
    for name, (with_space, without, n) in CASES.items():
        pairs = [(seconds(with_space, n), seconds(without, n)) for _ in range(ROUNDS)]
        micro = [1e6 * statistics.median(each) / n for each in zip(*pairs, strict=True)]
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name:20} {micro[0]:8.1f} µs with a space, {micro[1]:8.1f} µs without: {ratio:.3f}")


if __name__ == "__main__":
    main()
