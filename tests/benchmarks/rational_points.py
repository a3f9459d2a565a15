"""How many points a `RationalLearner1D` needs, beside the best loss function of `Learner1D`.

All results are told in random order. The error is the largest one on a dense grid with clusters at narrow features,
relative to the range of the values. Run it with ``python -m tests.benchmarks.rational_points [--quick]``.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path

import numpy as np
from scipy.special import airy

import adaptive_dask as adaptive
from adaptive_dask import Learner1D, RationalLearner1D
from adaptive_dask.learner.learner1D import curvature_loss_function, interpolation_loss_function
from tests.benchmarks.reporting import IS_QUICK

BOUNDS = (-1.0, 1.0)
MOST = 8000
LOSSES = {
    "default": lambda: None,
    "curvature": curvature_loss_function,
    "interpolation": interpolation_loss_function,
    "interpolation, max": lambda: interpolation_loss_function(norm="max"),
}


def lorentzians(seed, count=12):
    """Half widths from 1e-5 to 1e-2 at random places."""
    random = np.random.default_rng(seed)
    at, width = random.uniform(-0.95, 0.95, count), 10 ** random.uniform(-5, -2, count)
    height = random.uniform(0.5, 1.5, count)

    def f(x):
        return sum(a * w**2 / ((x - c) ** 2 + w**2) for a, c, w in zip(height, at, width, strict=True))

    return f, list(zip(at, width, strict=True))


SMOOTH = {
    "x + peak of width 0.01": (lambda x: x + 1e-4 / (1e-4 + x**2), [(0, 0.01)]),
    "tanh(20x)": (lambda x: np.tanh(20 * x), [(0, 0.05)]),
    "tanh(200(x - 0.3))": (lambda x: np.tanh(200 * (x - 0.3)), [(0.3, 0.005)]),
    "1 + gaussian": (lambda x: 1 + np.exp(-(x**2) / 2 / 0.05**2), [(0, 0.05)]),
    "sin(3x) + Lorentzian": (lambda x: np.sin(3 * x) + 1e-8 / (1e-8 + (x - 0.4) ** 2), [(0.4, 1e-4)]),
    "12 Lorentzians": lorentzians(0),
    "Fano line": (lambda x: (((x - 0.2) / 0.003 + 1.5) ** 2) / (((x - 0.2) / 0.003) ** 2 + 1), [(0.2, 0.003)]),
    "sin(50x)": (lambda x: np.sin(50 * x), []),
    "Ai(20x)": (lambda x: airy(20 * x)[0], []),
    "sin(60x²)": (lambda x: np.sin(60 * x * x), []),
    "1/(1 + 25x²)": (lambda x: 1 / (1 + 25 * x * x), []),
    "exp": (np.exp, []),
    "sqrt(x² + 1e-4)": (lambda x: np.sqrt(x * x + 1e-4), [(0, 0.01)]),
}


def _smooth_part(x):
    return np.sin(3 * x) + np.exp(-50 * x * x)


def _noisy(x):
    return _smooth_part(x) + 2e-3 * np.random.default_rng(int((float(x) + 2) * 1e15)).normal()


ROUGH = {
    "|x - 0.1|": (lambda x: np.abs(x - 0.1), [(0.1, 0.01)], None),
    "step": (lambda x: np.where(x > 1 / 3, 1.0, 0.0), [], None),
    "noise of 1e-3": (_noisy, [], _smooth_part),
}


def grid_of(features):
    t = np.concatenate([np.linspace(-3, 3, 61), np.geomspace(3, 3e4, 60), -np.geomspace(3, 3e4, 60)])
    x = np.unique(np.concatenate([np.linspace(*BOUNDS, 20_001), *(c + w * t for c, w in features)]))
    return x[(x >= BOUNDS[0]) & (x <= BOUNDS[1])]


def lines(learner):
    table = learner.to_numpy()
    return lambda x: np.interp(x, table[:, 0], table[:, 1])


def points_to(learner, f, in_flight, tolerance, features, exact=None, seed=0, most=MOST):
    """How many points until the error is below the tolerance."""
    grid = grid_of(features)
    truth = (exact or f)(grid)
    random, queue = np.random.default_rng(seed), list(learner.ask(in_flight)[0])
    while queue and learner.npoints < most:
        x = queue.pop(random.integers(len(queue)))
        learner.tell(x, float(f(x)))
        queue += learner.ask(1)[0]
        n = learner.npoints
        if n > 3 and (n < 200 or n % 10 == 0):
            known = learner.interpolator() if isinstance(learner, RationalLearner1D) else lines(learner)
            if np.abs(known(grid) - truth).max() <= tolerance * np.ptp(truth):
                return n
    return most


def best_of_learner1D(f, in_flight, tolerance, features, exact=None):
    needed = {
        name: points_to(Learner1D(f, BOUNDS, loss()), f, in_flight, tolerance, features, exact)
        for name, loss in LOSSES.items()
    }
    return min(needed.values())


def table(rows, in_flight, tolerance):
    ratios = []
    for name, (f, features, exact) in rows.items():
        ours = points_to(RationalLearner1D(f, BOUNDS), f, in_flight, tolerance, features, exact)
        theirs = best_of_learner1D(f, in_flight, tolerance, features, exact)
        ratios.append(ours / theirs)
        print(f"{name:26}{ours:10}{theirs:12}{ours / theirs:10.3f}", flush=True)
    print(f"{'geometric mean':48}{np.exp(np.mean(np.log(ratios))):10.3f}\n")


def cost(f, n):
    """Milliseconds of processor time of ask and tell at n points: mean, and largest of a call."""
    learner, seconds = RationalLearner1D(f, BOUNDS, 1e-13), []
    while learner.npoints < n:
        begin = time.process_time()
        x = learner.ask(1)[0][0]
        asked = time.process_time()
        y = float(f(x))
        told = time.process_time()
        learner.tell(x, y)
        seconds.append((asked - begin, time.process_time() - told))
    last = np.array(seconds[-n // 5 :]).sum(axis=1)
    return 1e3 * last.mean(), 1e3 * np.max(seconds)


def barriers(most=110):
    """Print how many points log₁₀ T of the three barriers takes to an error of 1e-3: at first, and for good."""
    path = Path(__file__).parents[2] / "examples" / "quickstart.py"
    spec = importlib.util.spec_from_file_location("quickstart", path)
    quickstart = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(quickstart)
    sides = {
        "t(E)": (quickstart.amplitude, lambda t: 2 * np.log10(np.abs(t))),
        "T(E)": (lambda e: abs(quickstart.amplitude(e)) ** 2, lambda t: np.log10(np.maximum(t, 1e-300))),
    }
    known = RationalLearner1D(quickstart.amplitude, quickstart.BOUNDS)
    for _ in range(40):
        (x,), _ = known.ask(1)
        known.tell(x, quickstart.amplitude(x))
    energies = quickstart.check_energies(known.poles())
    exact = quickstart.log10_transmission(energies)
    for name, (f, logarithm) in sides.items():
        for in_flight in (1, 4, 16):
            learner, good = RationalLearner1D(f, quickstart.BOUNDS), []
            random, queue = np.random.default_rng(0), list(learner.ask(in_flight)[0])
            while learner.npoints < most:
                x = queue.pop(random.integers(len(queue)))
                learner.tell(x, f(x))
                queue += learner.ask(1)[0]
                errors = np.abs(logarithm(learner.interpolator()(energies)) - exact)
                good.append(bool(errors.max() <= 1e-3))
            first = good.index(True) + 1 if True in good else None
            held = most - good[::-1].index(False) + 1 if good[-1] else None
            print(f"three barriers, {name}, {in_flight:2} in flight: first at {first}, from {held} on", flush=True)


def busy_share(npoints=6000):
    """Print how busy 2 workers of 8 threads are with a function of 10 ms, learned to the tolerance by 30 points."""
    from distributed import Client, LocalCluster

    def f(x):
        time.sleep(0.01)
        return x + 1e-4 / (1e-4 + x * x)

    options = {"n_workers": 2, "threads_per_worker": 8, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        for n in (32, npoints):
            learner = RationalLearner1D(f, BOUNDS)
            begin = time.perf_counter()
            adaptive.BlockingRunner(learner, npoints_goal=n, executor=client, log=False)
            share = n * 0.01 / (16 * (time.perf_counter() - begin))
    print(f"busy share, 10 ms, 2 × 8 threads, {npoints} points: {share:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="without those for which Learner1D needs thousands")
    parser.parse_args()
    slow = {"12 Lorentzians", "sin(50x)", "Ai(20x)", "sin(60x²)"} if IS_QUICK else set()
    smooth = {name: (*row, None) for name, row in SMOOTH.items() if name not in slow}
    for in_flight in (16,) if IS_QUICK else (1, 16):
        for rows, tolerance in ((smooth, 1e-3), (ROUGH, 1e-2)):
            print(f"points to {tolerance:g}, {in_flight} in flight{'':4}rational{'':3}Learner1D{'':5}ratio")
            table(rows, in_flight, tolerance)
    needed = []
    for seed in range(2 if IS_QUICK else 20):
        f, features = lorentzians(seed)
        needed.append(points_to(RationalLearner1D(f, BOUNDS), f, 16, 1e-6, features, seed=seed, most=400))
    median = np.median(needed)
    print(f"12 Lorentzians to 1e-6, 16 in flight, {len(needed)} seeds: median {median:g}, worst {max(needed)}\n")
    sizes = (20, 40) if IS_QUICK else (100, 500)
    print("ask and tell, ms at {} and {} points (mean / largest call)".format(*sizes))
    for name in ("sin(50x)", "12 Lorentzians", "sin(60x²)", "tanh(200(x - 0.3))"):
        times = [cost(SMOOTH[name][0], n) for n in sizes]
        print(f"{name:26}" + "".join(f"{mean:10.1f} / {most:.0f}" for mean, most in times), flush=True)
    barriers(20 if IS_QUICK else 110)
    busy_share(200 if IS_QUICK else 6000)


if __name__ == "__main__":
    main()
