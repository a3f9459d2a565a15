"""Root mean square error over the standard deviation, SparseGridLearner and others with as many points.

Run it with::

    python -m tests.benchmarks.sparse_grid_error --functions ishigami,otl --n 200,1000 --in-flight 1

Columns of packages that are not installed say so. Of the fits of chaospy and of Tasmanian, the one with the smallest
true error counts. LearnerND is evaluated linearly up to four inputs and by radial basis functions beyond. "claimed" is
the learner's ``loss()`` over the true largest error.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator, RBFInterpolator, RegularGridInterpolator
from scipy.stats import qmc

from adaptive_dask.learner.learnerND import LearnerND
from adaptive_dask.learner.sparse_grid_learner import SparseGridLearner

Many = Callable[[Any], Any]  # points of shape (n, d) to values of shape (n,)


def ishigami(x: Any) -> Any:
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def otl_circuit(x: Any) -> Any:
    b1, b2, f, c1, c2, beta = x.T
    base = 12 * b2 / (b1 + b2)
    total = beta * (c2 + 9) + f
    return (base + 0.74) * beta * (c2 + 9) / total + 11.35 * f / total + 0.74 * f * beta * (c2 + 9) / (total * c1)


def borehole(x: Any) -> Any:
    rw, r, tu, hu, tl, hl, length, kw = x.T
    log = np.log(r / rw)
    return 2 * np.pi * tu * (hu - hl) / (log * (1 + 2 * length * tu / (log * rw**2 * kw) + tu / tl))


def wing_weight(x: Any) -> Any:
    sw, wfw, a, sweep, q, taper, tc, nz, wdg, wp = x.T
    cos = np.cos(sweep * np.pi / 180)
    parts = 0.036 * sw**0.758 * wfw**0.0035 * (a / cos**2) ** 0.6 * q**0.006 * taper**0.04
    return parts * (100 * tc / cos) ** -0.3 * (nz * wdg) ** 0.49 + sw * wp


def piston(x: Any) -> Any:
    m, s, v0, k, p0, ta, t0 = x.T
    a = p0 * s + 19.62 * m - k * v0 / s
    v = s / (2 * k) * (np.sqrt(a * a + 4 * k * p0 * v0 / t0 * ta) - a)
    return 2 * np.pi * np.sqrt(m / (k + s * s * p0 * v0 / t0 * ta / v**2))


def corner_peak(x: Any) -> Any:
    return (1 + x @ (np.arange(1, 11) / 10)) ** -11.0


def corner_peak_shifted(x: Any) -> Any:
    return corner_peak(x) - 1e-3  # has no logarithm


def gaussian(x: Any) -> Any:
    return np.exp(-4 * (x**2).sum(axis=1))


def cusp(x: Any) -> Any:
    return np.exp(-np.abs(x - 0.2).sum(axis=1))


def cusp_shifted(x: Any) -> Any:
    return cusp(x) - 0.1


def g_function(x: Any) -> Any:
    a = np.array([0, 1, 4.5, 9, 99, 99, 99, 99])
    return ((np.abs(4 * x - 2) + a) / (1 + a)).prod(axis=1)


def zero_surpluses(x: Any) -> Any:
    return np.exp(0.3 * x.sum(axis=1)) * np.sin(x[:, 0] + 2 * x[:, 1])


# fmt: off
FUNCTIONS: dict[str, tuple[Many, list[tuple[float, float]]]] = {
    "ishigami": (ishigami, [(-math.pi, math.pi)] * 3),
    "otl": (otl_circuit, [(50, 150), (25, 70), (0.5, 3), (1.2, 2.5), (0.25, 1.2), (50, 300)]),
    "borehole": (borehole, [(0.05, 0.15), (100, 50000), (63070, 115600), (990, 1110), (63.1, 116), (700, 820),
                            (1120, 1680), (9855, 12045)]),
    "wing": (wing_weight, [(150, 200), (220, 300), (6, 10), (-10, 10), (16, 45), (0.5, 1), (0.08, 0.18), (2.5, 6),
                           (1700, 2500), (0.025, 0.08)]),
    "piston": (piston, [(30, 60), (0.005, 0.02), (0.002, 0.01), (1000, 5000), (90000, 110000), (290, 296),
                        (340, 360)]),
    "corner": (corner_peak, [(0, 1)] * 10),
    "corner, shifted": (corner_peak_shifted, [(0, 1)] * 10),
    "gaussian": (gaussian, [(-1, 1)] * 4),
    "cusp": (cusp, [(-1, 1)] * 3),
    "cusp, shifted": (cusp_shifted, [(-1, 1)] * 3),
    "g": (g_function, [(0, 1)] * 8),
    "zeros": (zero_surpluses, [(-1, 1)] * 4),
}
# fmt: on


def run(learner: Any, f: Many, n: int, in_flight: int) -> Any:
    """Ask and tell until `n` points are known, in random order."""
    order, out = random.Random(0), []
    learner.remove_unfinished()  # of an earlier call
    while learner.npoints < n:
        out += learner.ask(in_flight - len(out))[0]
        point = out.pop(order.randrange(len(out)))
        learner.tell(point, float(f(np.array([point]))[0]))
    return learner


def radial(u: Any, y: Any) -> Many:
    return RBFInterpolator(u, y, kernel="cubic", neighbors=None if len(u) <= 2000 else 150)


def learner_nd(f: Many, bounds: Any, n: int) -> Many:
    learner = run(LearnerND(f, bounds), f, n, 1)
    low, width = box(bounds)
    u = (np.array(list(learner.data)) - low) / width
    y = np.array(list(learner.data.values()))
    if len(bounds) > 4:
        fit = radial(u, y)
        return lambda x: fit((x - low) / width)
    linear, nearest = LinearNDInterpolator(u, y), NearestNDInterpolator(u, y)

    def evaluate(x: Any) -> Any:
        values = linear((x - low) / width)
        return np.where(np.isnan(values), nearest((x - low) / width), values)

    return evaluate


def sobol(f: Many, bounds: Any, n: int) -> Many:
    low, width = box(bounds)
    u = qmc.Sobol(len(bounds), seed=0).random_base2(math.ceil(math.log2(n)))[:n]
    fit = radial(u, f(low + width * u))
    return lambda x: fit((x - low) / width)


def best(fits: list[Many], x: Any, y: Any) -> Many:
    """The fit with the smallest true error, which only a benchmark can know."""
    return min(fits, key=lambda fit: float(np.mean((fit(x) - y) ** 2)))


def chaospy_fits(f: Many, bounds: Any, n: int) -> list[Many]:
    """Pseudo-spectral projections on sparse grids, and regressions on Sobol points, of every order that fits."""
    import chaospy

    joint = chaospy.J(*(chaospy.Uniform(*each) for each in bounds))
    low, width = box(bounds)
    x = (low + width * qmc.Sobol(len(bounds), seed=0).random_base2(math.ceil(math.log2(n)))[:n]).T
    fits: list[Any] = []
    for order in range(1, 12):
        if 2 * math.comb(len(bounds) + order, order) <= n:
            fits.append(chaospy.fit_regression(chaospy.generate_expansion(order, joint), x, f(x.T)))
        grid, weights = chaospy.generate_quadrature(order, joint, rule="clenshaw_curtis", sparse=True, growth=True)
        if grid.shape[1] > n:
            break
        fits.append(chaospy.fit_quadrature(chaospy.generate_expansion(order, joint), grid, weights, f(grid.T)))
    if not fits:
        raise ValueError("the smallest grid has more points")
    return [lambda x, fit=fit: fit(*x.T) for fit in fits]


def tasmanian_fits(f: Many, bounds: Any, n: int) -> list[Many]:
    """Grids of Leja points, refined anisotropically or by their surpluses."""
    import Tasmanian

    fits: list[Many] = []
    for rule, kind, depth in itertools.product(("leja", "rleja"), ("iptotal", "ipcurved", "surplus"), (1, 3)):
        if rule == "rleja" and kind == "ipcurved":
            continue  # does not return for the corner peak
        grid = Tasmanian.makeSequenceGrid(len(bounds), 1, depth, "level", rule)
        if grid.getNumNeeded() > n:
            continue
        grid.setDomainTransform(np.array(bounds, dtype=float))
        grid.loadNeededPoints(f(grid.getNeededPoints())[:, None])
        while True:
            if kind == "surplus":
                # The tolerance at which a tenth of the nodes is refined.
                surpluses = np.sort(np.abs(grid.getHierarchicalCoefficients()[:, 0]))
                grid.setSurplusRefinement(surpluses[-1 - len(surpluses) // 10], 0, "")
            else:
                grid.setAnisotropicRefinement(kind, 10, 0)
            points = grid.getNeededPoints()
            if not len(points) or grid.getNumLoaded() + len(points) > n:
                grid.clearRefinement()
                break
            grid.loadNeededPoints(f(points)[:, None])
        # mypy cannot infer the type of a lambda with a default.
        fits.append(lambda x, grid=grid: grid.evaluateBatch(x)[:, 0])  # type: ignore[misc]
    return fits


def gaussian_process(f: Many, bounds: Any, n: int) -> Many:
    """A Gaussian process on Sobol points, with a length for each input, fitted to the likelihood."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    if n > 300:
        raise ValueError("too slow")
    low, width = box(bounds)
    unit = qmc.Sobol(len(bounds), seed=0).random_base2(math.ceil(math.log2(n)))[:n]
    kernel = ConstantKernel() * RBF(np.ones(len(bounds)), (1e-2, 1e2))
    process = GaussianProcessRegressor(kernel, alpha=1e-10, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a length is at its bound
        process.fit(unit, f(low + width * unit))
    return lambda x: process.predict((x - low) / width)


def uniform_grid(f: Many, bounds: Any, n: int) -> Many:
    """Linear interpolation on the largest grid with as many points along each axis."""
    count = math.floor(n ** (1 / len(bounds)) + 1e-9)
    if count < 2:
        raise ValueError("fewer than two points along each axis")
    axes = [np.linspace(*each, count) for each in bounds]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = f(points.reshape(-1, len(bounds))).reshape(points.shape[:-1])
    return RegularGridInterpolator(axes, values)


def box(bounds: Any) -> tuple[Any, Any]:
    low, high = np.array(bounds, dtype=float).T
    return low, high - low


def measured(make: Callable[..., Many | list[Many]], f: Many, bounds: Any, n: int, x: Any, y: Any) -> str:
    try:
        made = make(f, bounds, n)
        fit = best(made, x, y) if isinstance(made, list) else made
        return f"{np.sqrt(np.mean((fit(x) - y) ** 2)) / y.std():.1e}"
    except ImportError:
        return "not installed"
    except ValueError as error:
        return str(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", default=",".join(name for name in FUNCTIONS if "," not in name))
    parser.add_argument("--n", default="200,1000")
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="SparseGridLearner only")
    arguments = parser.parse_args()
    others = {
        "LearnerND": learner_nd,
        "uniform grid": uniform_grid,
        "Sobol + RBF": sobol,
        "Sobol + GP": gaussian_process,
        "chaospy": chaospy_fits,
        "Tasmanian": tasmanian_fits,
    }
    shown = {} if arguments.alone else others
    print("| function | N | SparseGridLearner |", " | ".join(shown), "| claimed | basis | s |")
    print("|---" * (6 + len(shown)), "|", sep="")
    for name in arguments.functions.replace(", ", "+").split(","):
        f, bounds = FUNCTIONS[name.replace("+", ", ")]
        low, width = box(bounds)
        x = low + np.random.default_rng(1).uniform(size=(3000, len(bounds))) * width
        y = f(x)
        for n in map(int, arguments.n.split(",")):
            start = time.perf_counter()
            learner = run(SparseGridLearner(f, bounds), f, n, arguments.in_flight)
            seconds = time.perf_counter() - start
            difference = learner.interpolator()(x) - y
            claimed = learner.loss() * np.ptp(list(learner.data.values())) / np.max(np.abs(difference))
            cells = [f"{np.sqrt(np.mean(difference**2)) / y.std():.1e}"]
            cells += [measured(make, f, bounds, n, x, y) for make in shown.values()]
            basis = learner._known.best()
            print(
                f"| {name} | {n} |", " | ".join(cells), f"| {claimed:.1f} | {basis[:2]} | {seconds:.1f} |", flush=True
            )


if __name__ == "__main__":
    main()
