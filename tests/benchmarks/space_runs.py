"""What the benchmarks of the learners over space share: functions, and asking and telling like a runner."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Point = Any
IN_FLIGHT = 16


def ring(xy: Point) -> Any:
    x, y = xy
    return x + np.exp(-((x * x + y * y - 0.75**2) ** 2) / 0.2**4)


def sphere(xyz: Point) -> Any:
    x, y, z = xyz
    return x + z**2 + np.exp(-((x**2 + y**2 + z**2 - 0.75**2) ** 2) / 0.4**4)


def saddle(xy: Point) -> Any:
    x, y = xy
    return x * y


def turned_saddle(xy: Point) -> Any:
    """The best case of a uniform grid: its edges lie along the axes of the saddle."""
    x, y = xy
    return x * x - y * y


def peak(xy: Point) -> Any:
    x, y = xy
    return x + 0.05**2 / (0.05**2 + (x - 0.3) ** 2 + (y - 0.2) ** 2)


def step(xy: Point) -> Any:
    x, y = xy
    return np.where(x + 0.5 * y * y > 0.1, 1.0, 0.0)


def clipped_pole(xy: Point) -> Any:
    x, y = xy
    return np.minimum(1 / np.maximum(x * x + y * y, 1e-12), 100.0)


def cost_of_stretches(
    learner: Any, function: Callable[[Point], Any], stretches: Sequence[tuple[int, int]], one_by_one: bool = False
) -> list[float]:
    """Microseconds of processor time per point spent in ask and tell, for stretches of a run.

    Parameters
    ----------
    learner
    function : callable
    stretches : sequence of pairs of int
        First and last number of points, ascending.
    one_by_one : bool
        Whether results come one at a time; else 1 to 16 of them, at random, as they come to a runner that
        has 16 points in flight. The learner is told with ``tell_many`` and asked for as many.
    """
    rng = random.Random(0)
    told = 0
    in_flight: list[Point] = []
    costs = []

    def advance(until: int) -> list[Point]:
        nonlocal told, in_flight
        evaluated = []
        while told < until:
            in_flight += learner.ask(IN_FLIGHT - len(in_flight))[0]
            rng.shuffle(in_flight)
            k = 1 if one_by_one else rng.randint(1, IN_FLIGHT)
            done, in_flight = in_flight[:k], in_flight[k:]
            learner.tell_many(done, [float(function(point)) for point in done])
            evaluated += done
            told += k
        return evaluated

    for first, last in stretches:
        advance(first)
        # To read the clock can take 0.2 ms, as long as a point: so once for the whole stretch.
        start = time.process_time()
        evaluated = advance(last)
        middle = time.process_time()
        for point in evaluated:
            float(function(point))
        end = time.process_time()
        costs.append(((middle - start) - (end - middle)) / len(evaluated) * 1e6)
    return costs


def best_of(
    n: int,
    make: Callable[[], Any],
    function: Callable[[Point], Any],
    stretches: Sequence[tuple[int, int]],
    **options: Any,
) -> list[float]:
    """The smallest cost of each stretch over several runs."""
    runs = [cost_of_stretches(make(), function, stretches, **options) for _ in range(n)]
    return [min(costs) for costs in zip(*runs, strict=True)]


def smallest_bump(x: Point) -> float:
    """A function of many variables of which three matter much and one a little."""
    return math.exp(-8 * sum((t - 0.3) ** 2 for t in x[:3])) + 0.1 * x[4]
