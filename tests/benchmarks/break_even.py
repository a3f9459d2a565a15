"""How long an evaluation must take for a learner to be faster than a grid: ``python -m tests.benchmarks.break_even``.

A grid of N points takes N × t / slots. A run of n points with the same error takes n × (t / slots + c), where c is the
serial cost of a point: choosing, sending and telling it. The run is faster from t = slots × c / (N / n - 1) on. A
function of arrays has the t of its arrays: what NumPy needs for one of many points.

c is measured as the processor time of the process that has the learner, with a function that takes next to no time. On
a cluster this is the process of scheduler and client.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from distributed import Client

import adaptive_dask as adaptive
from adaptive_dask.learner.learner1D import interpolation_loss_function
from adaptive_dask.testing.functions import PEAK_BOUNDS, peak
from tests.benchmarks.reporting import IS_QUICK

NPOINTS = 1000 if IS_QUICK else 20_000
TOLERANCE = 1e-3  # the largest error of linear interpolation
WIDTHS = (0.1, 0.01) if IS_QUICK else (0.1, 0.01, 0.001, 0.0001)
REPEATS = 1 if IS_QUICK else 3


def measure(run: Callable[[], object]) -> float:
    """The smallest of several processor times (seconds)."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def cost_of_a_point(vectorized: bool = False, **where: Any) -> float:
    """Processor time of a point beside its evaluation (seconds)."""

    def run() -> None:
        learner = adaptive.Learner1D(peak, bounds=PEAK_BOUNDS)
        if where:
            adaptive.BlockingRunner(learner, npoints_goal=NPOINTS, vectorized=vectorized, **where)
        else:
            adaptive.simple(learner, npoints_goal=NPOINTS)

    return measure(run) / NPOINTS


def largest_error(function: Callable[[Any], Any], xs: np.ndarray) -> float:
    """The largest error of linear interpolation, at the middles of many parts of each interval."""
    fine = np.interp(np.linspace(0, len(xs) - 1, 20 * (len(xs) - 1) + 1), np.arange(len(xs)), xs)
    return float(np.max(np.abs(np.interp(fine, xs, function(xs)) - function(fine))))


def points_of_a_grid(function: Callable[[Any], Any]) -> int:
    n = 16
    while largest_error(function, np.linspace(*PEAK_BOUNDS, n)) > TOLERANCE:
        n = int(n * 1.2) + 1
    return n


def points_of_a_learner(function: Callable[[Any], Any]) -> int:
    loss = interpolation_loss_function(norm="max", max_length=0.02)  # so that it finds the peak
    learner = adaptive.Learner1D(function, bounds=PEAK_BOUNDS, loss_per_interval=loss)
    n = 16
    while True:
        adaptive.simple(learner, npoints_goal=n)
        if learner.npoints > 200 and largest_error(function, np.array(sorted(learner.data))) <= TOLERANCE:
            return n
        n = int(n * 1.1) + 1


def main() -> None:
    ratios = {}
    print(f"points for an error of {TOLERANCE:g}\nwidth     learner      grid")
    for width in WIDTHS:
        function = partial(peak, at=0.2991, width=width)
        few, many = points_of_a_learner(function), points_of_a_grid(function)
        ratios[width] = many / few
        print(f"{width:<8g} {few:8,} {many:9,}")
    xs = np.linspace(*PEAK_BOUNDS, 100_000)
    print(f"NumPy: {measure(lambda: peak(xs)) / len(xs) * 1e6:.3f} µs for each of many points")
    costs = {"simple": cost_of_a_point()}
    with ThreadPoolExecutor(2) as threads:
        costs["threads"] = cost_of_a_point(executor=threads)
    with Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client:
        costs["cluster"] = cost_of_a_point(executor=client)
        costs["cluster, vectorized"] = cost_of_a_point(executor=client, vectorized=True)
    print(f"{'µs, for one slot':20} {'point':>8}" + "".join(f"{width:>10g}" for width in WIDTHS))
    for name, cost in costs.items():
        even = (f"{cost / (ratio - 1) * 1e6:10.2f}" if ratio > 1 else f"{'never':>10}" for ratio in ratios.values())
        print(f"{name:20} {cost * 1e6:8.1f}" + "".join(even))


if __name__ == "__main__":
    main()
