"""How close to the theoretical optimum are the points? adaptive 1.5.2 and adaptive_dask in one run.

Prints the mean error of linear interpolation on a dense grid as a multiple of the smallest possible one,
(∫|f''|^(1/3) dx)³ / (12 N² L), for N = 100 and the worst of N = 900 … 1100; and what 64 points in
flight cost, as a multiple of the error of the sequential run.

    python -m tests.benchmarks.interpolation_error [--quick]
"""

from __future__ import annotations

import argparse
import functools

import adaptive
import numpy as np
from adaptive.learner.learner1D import curvature_loss_function as peer_curvature_loss_function

import adaptive_dask.learner.learner1D as ours

FUNCTIONS = {
    "x + peak of width 0.01": (lambda x: x + 0.01**2 / (0.01**2 + x**2), (-1, 1)),
    "tanh(20x)": (lambda x: np.tanh(20 * x), (-1, 1)),
    "gaussian on (-5, 5)": (lambda x: np.exp(-2 * x**2), (-5, 5)),
    "sin, two periods": (lambda x: np.sin(x), (0, 4 * np.pi)),
    "sinc": (lambda x: np.sinc(x), (-5, 5)),
    "lorentzian": (lambda x: 1 / (1 + 1000 * x**2), (-1, 1)),
    "sin(20x²) on (0, 3)": (lambda x: np.sin(20 * x**2), (0, 3)),
}

SIZES = (100, *range(900, 1101, 20))


@functools.cache
def reference(name, grid_size=400_001):
    """A dense grid, the function there, and the smallest mean error for one point."""
    function, bounds = FUNCTIONS[name]
    x = np.linspace(*bounds, grid_size)
    y = function(x)
    bend = np.abs(np.diff(y, 2)) / (x[1] - x[0]) ** 2
    length = bounds[1] - bounds[0]
    return x, y, (np.mean(bend ** (1 / 3)) * length) ** 3 / (12 * length)


def multiple_of_limit(name, data):
    x, y, limit = reference(name)
    points = np.array(sorted(data.items()))
    return np.abs(np.interp(x, *points.T) - y).mean() * len(points) ** 2 / limit


def errors(name, learner, in_flight=1, sizes=SIZES):
    """The error at each size, with a number of points in flight, told in the order in which they were asked."""
    found, queue = {}, list(learner.ask(in_flight)[0])
    while len(found) < len(sizes):
        x = queue.pop(0)
        learner.tell(x, float(learner.function(x)))
        queue += learner.ask(1)[0]
        if learner.npoints in sizes:
            found[learner.npoints] = multiple_of_limit(name, learner.data)
    return found


def our_learner(name, **kwargs):
    return ours.Learner1D(*FUNCTIONS[name], ours.interpolation_loss_function(**kwargs))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="N = 100 and 1000 only")
    sizes = (100, 1000) if parser.parse_args().quick else SIZES
    print("mean error over the limit, N = 100 / worst of N = 900 … 1100; adaptive", adaptive.__version__)
    print(f"{'':24}{'uniform':>15}{'default':>15}{'curvature':>15}{'interpolation':>16}{'64 in flight':>14}")
    for name, (function, bounds) in FUNCTIONS.items():
        rows = [
            {n: multiple_of_limit(name, {x: function(x) for x in np.linspace(*bounds, n)}) for n in sizes},
            errors(name, adaptive.Learner1D(function, bounds), sizes=sizes),
            errors(name, adaptive.Learner1D(function, bounds, peer_curvature_loss_function()), sizes=sizes),
            errors(name, our_learner(name), sizes=sizes),
        ]
        flight = errors(name, our_learner(name), in_flight=64, sizes=sizes)
        cells = [f"{row[100]:.3g} / {max(row[n] for n in sizes if n > 100):.3g}" for row in rows]
        cost = max(flight[n] / rows[-1][n] for n in sizes if n > 100)
        print(f"{name:24}" + "".join(f"{cell:>15}" for cell in cells[:3]) + f"{cells[3]:>16}{cost:>14.2f}", flush=True)


if __name__ == "__main__":
    main()
