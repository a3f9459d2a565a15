"""What smooth interpolation gains on Learner2D's points: ``python -m tests.benchmarks.smooth_interpolation [N ...]``.

The mean error of ``learner.interpolator(smooth=...)`` on a dense grid over that of linear interpolation, on the same
points; and what the interpolator claims as its error over its true error.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

import adaptive_dask as adaptive

LINE = (np.arange(200) + 0.5) / 100 - 1
GRID = np.stack(np.meshgrid(LINE, LINE, indexing="ij"), axis=-1).reshape(-1, 2)
SMOOTH: list[Any] = [True, "auto"]


def cone(point: Any) -> float:
    return math.hypot(*point)


def bump(point: Any) -> float:
    return math.exp(-10 * (point[0] ** 2 + point[1] ** 2))


def saddle(point: Any) -> float:
    return float(point[0] * point[1])


def cross(point: Any) -> float:
    return math.exp(-30 * point[0] ** 2) + math.exp(-30 * point[1] ** 2)


def step(point: Any) -> float:
    return math.tanh(20 * (point[0] + 0.3 * point[1]))


def ring(point: Any) -> float:
    x, y = point
    return float(x + math.exp(-((x**2 + y**2 - 0.75**2) ** 2) / 0.2**4))


def main() -> None:
    numbers = list(map(int, sys.argv[1:])) or [400, 1500]
    print("              N   smooth/linear   auto/linear   auto took          claimed/true error")
    for function in (cone, bump, saddle, cross, step, ring):
        exact = np.array([function(point) for point in GRID])
        for n in numbers:
            learner = adaptive.Learner2D(function, [(-1, 1), (-1, 1)])
            adaptive.simple(learner, npoints_goal=n)
            linear = np.mean(np.abs(learner.interpolator()(GRID) - exact))
            smooth, auto = (np.mean(np.abs(learner.interpolator(smooth=s)(GRID) - exact)) for s in SMOOTH)
            taken = learner.interpolator(smooth="auto")
            claimed = np.mean(taken.error(GRID)) / auto
            figures = f"{smooth / linear:12.2f} {auto / linear:13.2f}    {taken.kind:14s} {claimed:12.1f}"
            print(f"{function.__name__:8s} {n:6d} {figures}")


if __name__ == "__main__":
    main()
