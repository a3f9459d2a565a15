"""Regions where a function fails: evaluations that fail, the border that is found, and the error elsewhere.

For each region, the share of evaluations that fail is printed, the Hausdorff distance between the border that was found
and the true one in units of ``feasibility_tol``, and the error where the function has values, divided by that of the
same function without failures at as many points with values. python-adaptive is told NaN, and 0, at the same regions.

With ``--beforehand``, the region is declared with ``feasible=``, and n points have values.

    python -m tests.benchmarks.feasibility [--n 1000 10000] [--region crescent …] [--dim 2 3] [--partition boxes]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from adaptive_dask import Infeasible, LearnerND

Array = NDArray[np.float64]
# Negative where the function fails, the distance from the border elsewhere.
Region = Callable[[Array], Array]

# In three dimensions, the cells at the border are larger for as many points.
TOLERANCES = {(2, 1000): 0.03, (2, 10_000): 0.02, (3, 1000): 0.15, (3, 10_000): 0.07}
LINES = {2: 200, 3: 40}


def crescent(rng: np.random.Generator, dim: int) -> Region:
    middle, size = 0.5 + rng.uniform(-0.08, 0.08, dim), rng.uniform(0.28, 0.36)
    shift = rng.normal(size=dim)
    shift *= 0.45 * size / np.linalg.norm(shift)

    def margin(x: Array) -> Array:
        outside = np.linalg.norm(x - middle, axis=-1) - size
        inside = 0.8 * size - np.linalg.norm(x - middle - shift, axis=-1)
        return np.maximum(outside, inside)

    return margin


def disc_with_a_hole(rng: np.random.Generator, dim: int) -> Region:
    middle, size = 0.5 + rng.uniform(-0.08, 0.08, dim), rng.uniform(0.3, 0.36)

    def margin(x: Array) -> Array:
        r = np.linalg.norm(x - middle, axis=-1)
        return np.maximum(r - size, 0.4 * size - r)

    return margin


def stripe(rng: np.random.Generator, dim: int) -> Region:
    normal = rng.normal(size=dim)
    normal /= np.linalg.norm(normal)
    width = rng.uniform(0.08, 0.15)
    return lambda x: np.abs((x - 0.5) @ normal) - width


def half_space(rng: np.random.Generator, dim: int) -> Region:
    normal = rng.normal(size=dim)
    normal /= np.linalg.norm(normal)
    offset = rng.uniform(-0.2, 0.2)
    return lambda x: (x - 0.5) @ normal - offset


REGIONS = {each.__name__: each for each in (crescent, disc_with_a_hole, stripe, half_space)}


def function(x: Array) -> Array:
    """A peak and waves."""
    return np.sin(5 * x[..., 0]) * np.cos(4 * x[..., 1]) + np.exp(-30 * ((x - 0.7) ** 2).sum(axis=-1))


def run(learner: Any, margin: Region | None, n: int, is_bad: Callable[[Any], Any]) -> Any:
    """Tell n values, or what stands for none."""
    told = len(learner.data)
    while told < n:
        points, _ = learner.ask(1)
        for point in points:
            x = np.array(point)
            y = float(function(x))
            learner.tell(point, y if margin is None or margin(x) >= 0 else is_bad(point))
        told += len(points)
    return learner


def grid(dim: int) -> Array:
    axes = [(np.arange(LINES[dim]) + 0.5) / LINES[dim]] * dim
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def border(is_feasible: NDArray[np.bool_], crossing: Callable[[Array, Array], Array], x: Array) -> Array:
    """Points at which lines of a grid cross a border, shape (k, dim)."""
    found = []
    for axis in range(x.shape[-1]):
        low, high = [slice(None)] * x.shape[-1], [slice(None)] * x.shape[-1]
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        changes = is_feasible[tuple(low)] != is_feasible[tuple(high)]
        found.append(crossing(x[tuple(low)][changes], x[tuple(high)][changes]))
    return np.concatenate(found)


def bisected(sign: Callable[[Array], Array]) -> Callable[[Array, Array], Array]:
    def crossing(a: Array, b: Array) -> Array:
        first = sign(a)
        for _ in range(20):
            middle = 0.5 * (a + b)
            stays = (sign(middle) == first)[:, None]
            a, b = np.where(stays, middle, a), np.where(stays, b, middle)
        return 0.5 * (a + b)

    return crossing


def hausdorff(a: Array, b: Array) -> float:
    if not len(a) or not len(b):
        return math.inf if len(a) or len(b) else 0.0
    return float(max(cKDTree(a).query(b)[0].max(), cKDTree(b).query(a)[0].max()))


def error(values: Array, x: Array, where: NDArray[np.bool_]) -> float:
    """The root mean square error where the function has values and the interpolation is known."""
    missed = (values - function(x))[where]
    return float(np.sqrt(np.nanmean(missed**2)))


def linear(data: dict[Any, float], x: Array) -> Array:
    points = np.array(list(data))
    return np.asarray(LinearNDInterpolator(points, list(data.values()))(x))


def measure(
    name: str, dim: int, n: int, seed: int, partition: str = "simplices", *, is_beforehand: bool = False
) -> dict[str, float]:
    rng = np.random.default_rng([seed, dim])
    margin = REGIONS[name](rng, dim)
    bounds, tol = [(0.0, 1.0)] * dim, TOLERANCES.get((dim, n), 0.1)
    feasible = (lambda point: bool(margin(np.array(point)) >= 0)) if is_beforehand else None
    begin = time.perf_counter()
    learner = LearnerND(None, bounds, partition=partition, feasibility_tol=tol, feasible=feasible)
    run(learner, margin, n, lambda point: Infeasible("fails"))
    seconds = time.perf_counter() - begin
    x = grid(dim)
    flat = x.reshape(-1, dim)
    true = margin(x) >= 0
    ip = learner.interpolator()

    def side(points: Array) -> Array:
        return ip.feasibility(points) >= 0.5

    found = border(side(flat).reshape(true.shape), bisected(side), x)
    exact = border(true, bisected(lambda points: margin(points) >= 0), x)
    count = n - len(learner.infeasible)
    plain = run(LearnerND(None, bounds, partition=partition), None, count, lambda point: 0.0)
    inside = true.ravel()
    ours = error(ip(flat), flat, inside)
    reference = error(plain.interpolator()(flat), flat, inside)
    missing = float(np.isnan(ip(flat)[inside]).mean())
    return {
        "failed": 1 - count / n,
        "border": hausdorff(found, exact) / tol,
        "error": ours / reference,
        "missing": missing,
        "seconds": seconds,
    }


def measure_adaptive(name: str, dim: int, n: int, seed: int, value: float) -> dict[str, float]:
    """python-adaptive with a number in place of what fails; NaN there is told as it is."""
    import adaptive

    rng = np.random.default_rng([seed, dim])
    margin = REGIONS[name](rng, dim)
    learner = adaptive.LearnerND(None, [(0.0, 1.0)] * dim)
    try:
        run(learner, margin, n, lambda point: value)
    except Exception as failure:  # it cannot go on with NaN
        return {"raised": len(learner.data), "kind": type(failure).__name__}
    failed = {p for p in learner.data if margin(np.array(p)) < 0}
    x = grid(dim).reshape(-1, dim)
    inside = margin(x) >= 0
    good = {p: y for p, y in learner.data.items() if p not in failed}
    reference = run(LearnerND(None, [(0.0, 1.0)] * dim), None, len(good), lambda point: 0.0)
    ratio = error(linear(learner.data, x), x, inside) / error(reference.interpolator()(x), x, inside)
    return {"failed": len(failed) / n, "error": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--region", nargs="+", default=list(REGIONS))
    parser.add_argument("--dim", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--partition", default="simplices")
    parser.add_argument("--beforehand", action="store_true")
    parser.add_argument("--without-adaptive", action="store_true")
    options = parser.parse_args()
    for n in options.n:
        for dim in options.dim:
            for name in options.region:
                for seed in options.seed:
                    ours = measure(name, dim, n, seed, options.partition, is_beforehand=options.beforehand)
                    print(f"{n:6} {dim}D {name:17} {seed}", *(f"{k} {v:.3f}" for k, v in ours.items()), flush=True)
                    if options.without_adaptive:
                        continue
                    for value in (math.nan, 0.0):
                        theirs = measure_adaptive(name, dim, n, seed, value)
                        print(f"       python-adaptive with {value}", theirs, flush=True)


if __name__ == "__main__":
    main()
