"""How well the points tell the function: ``python -m tests.benchmarks.triangulation_error [N ...]``.

The mean distance between the function and the linear interpolation of N points, on a dense grid, over the
same for a uniform grid of as many points. Below 1 is better than uniform. Where N is no square number the error
of the nearest square grid is scaled with 1 / N.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import adaptive
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from adaptive_dask.learner.learner2D import Learner2D
from adaptive_dask.learner.learnerND import LearnerND, interpolation_loss_function
from tests.benchmarks.space_runs import IN_FLIGHT, clipped_pole, peak, ring, saddle, step, turned_saddle

BOUNDS = [(-1, 1), (-1, 1)]
LINE = (np.arange(400) + 0.5) / 200 - 1
GRID = np.stack(np.meshgrid(LINE, LINE, indexing="ij"), axis=-1).reshape(-1, 2)
FUNCTIONS = [ring, saddle, peak, step, clipped_pole, turned_saddle]
LEARNERS: dict[str, Callable[[Any], Any]] = {
    "Learner2D": lambda f: Learner2D(f, BOUNDS),
    "adaptive": lambda f: adaptive.Learner2D(f, BOUNDS),
    "LearnerND": lambda f: LearnerND(f, BOUNDS),
    "adaptive ": lambda f: adaptive.LearnerND(f, BOUNDS),
    "LearnerND, new loss": lambda f: LearnerND(f, BOUNDS, interpolation_loss_function()),
}


def error(points: Any, function: Callable[[Any], Any]) -> float:
    points = np.array(points)
    interpolated = LinearNDInterpolator(points, function(points.T))(GRID)
    return float(np.nanmean(np.abs(interpolated - function(GRID.T))))


def uniform_error(function: Callable[[Any], Any], n: int) -> float:
    side = round(math.sqrt(n))
    line = np.linspace(-1, 1, side)
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    return error(grid, function) * side**2 / n


def main() -> None:
    numbers = sorted(map(int, sys.argv[1:])) or [1000, 10000]
    print(f"{'N = ' + ', '.join(map(str, numbers)):16s}" + "".join(f"{name:>22s}" for name in LEARNERS))
    for function in FUNCTIONS:
        uniform = [uniform_error(function, n) for n in numbers]
        row = []
        for make in LEARNERS.values():
            learner = make(function)
            errors = []
            for n in numbers:
                while learner.npoints < n:
                    points, _ = learner.ask(min(IN_FLIGHT, n - learner.npoints))
                    learner.tell_many(points, [float(function(point)) for point in points])
                errors.append(error(list(learner.data)[:n], function))
            row.append(" / ".join(f"{a / b:.3f}" for a, b in zip(errors, uniform, strict=True)))
        print(f"{function.__name__:16s}" + "".join(f"{entry:>22s}" for entry in row), flush=True)


if __name__ == "__main__":
    main()
