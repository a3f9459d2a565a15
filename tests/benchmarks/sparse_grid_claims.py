"""What SparseGridLearner claims of its error, over the true error: claimed / true for many functions of 2 to 10 inputs.

Run it with::

    python -m tests.benchmarks.sparse_grid_claims --n 100,300,1000 --functions held_out

The true error is the largest at 4,000 uniform random points, relative to the range of the values. The estimate was
developed with the functions of ``tuning`` only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from adaptive_dask.learner.sparse_grid_learner import SparseGridLearner
from tests.benchmarks.sparse_grid_error import corner_peak_shifted, otl_circuit, piston, run

Many = Callable[[Any], Any]  # points of shape (n, d) in the unit cube to values of shape (n,)


def scaled(f: Many, low: Any, high: Any) -> Many:
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    return lambda u: f(low + (high - low) * u)


def franke(x: Any) -> Any:
    a, b = 9 * x.T
    return (
        0.75 * np.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4)
        + 0.75 * np.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
        + 0.5 * np.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4)
        - 0.2 * np.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    )


def rosenbrock(x: Any) -> Any:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(axis=1)


def robot_arm(x: Any) -> Any:
    angles, lengths = 2 * np.pi * np.cumsum(x[:, :4], axis=1), x[:, 4:]
    return np.hypot((lengths * np.cos(angles)).sum(axis=1), (lengths * np.sin(angles)).sum(axis=1))


def branin(x: Any) -> Any:
    a, b = 15 * x[:, 0] - 5, 15 * x[:, 1]
    return (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10


def camel(x: Any) -> Any:
    a, b = 4 * x[:, 0] - 2, 2 * x[:, 1] - 1
    return (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (4 * b**2 - 4) * b**2


def friedman(x: Any) -> Any:
    return 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]


def ackley(x: Any) -> Any:
    t = 4 * x - 1.7
    return -20 * np.exp(-0.2 * np.sqrt((t**2).mean(axis=1))) - np.exp(np.cos(2 * np.pi * t).mean(axis=1))


def rastrigin(x: Any) -> Any:
    t = 3 * x - 1.2
    return (t**2 - 10 * np.cos(2 * np.pi * t)).sum(axis=1)


def zakharov(x: Any) -> Any:
    s = (0.5 * np.arange(1, x.shape[1] + 1) * x).sum(axis=1)
    return (x**2).sum(axis=1) + s**2 + s**4


PISTON = ([30, 0.005, 0.002, 1000, 90000, 290, 340], [60, 0.02, 0.01, 5000, 110000, 296, 360])
OTL = ([50, 25, 0.5, 1.2, 0.25, 50], [150, 70, 3, 2.5, 1.2, 300])

TUNING: dict[str, tuple[Many, int]] = {
    "exp(xy)": (lambda x: np.exp(x[:, 0] * x[:, 1]), 2),
    "franke": (franke, 2),
    "oscillatory 5": (lambda x: np.cos(2 + x @ np.array([1.0, 2, 3, 1, 2])), 5),
    "product peak 3": (lambda x: (1 / (0.1 + (x - 0.4) ** 2)).prod(axis=1), 3),
    "corner shifted 5": (lambda x: (1 + x @ np.arange(1, 6) / 2) ** -6.0 - 0.01, 5),
    "corner shifted 10": (corner_peak_shifted, 10),
    "gaussian 6": (lambda x: np.exp(-((x - 0.4) ** 2).sum(axis=1)), 6),
    "cusp 2": (lambda x: np.exp(-3 * np.abs(x - 0.3).sum(axis=1)) - 0.1, 2),
    "lorentz 4": (lambda x: 1 / (1 + ((2 * x - 1) ** 2).sum(axis=1)), 4),
    "rosenbrock 6": (lambda x: rosenbrock(4 * x - 2), 6),
    "sqrt 8": (lambda x: np.sqrt(0.01 + x @ np.linspace(0.1, 1, 8)), 8),
    "front 3": (lambda x: np.tanh(5 * (x[:, 0] + x[:, 1] - x[:, 2] - 0.4)), 3),
    "log 3": (lambda x: np.log(0.1 + x.prod(axis=1)), 3),
    "sines 10": (lambda x: np.sin(3 * x + np.arange(10)).sum(axis=1), 10),
    "ramp 2": (lambda x: np.maximum(0.0, x[:, 0] + x[:, 1] - 0.6), 2),
    "waves 2": (lambda x: np.sin(16 * x[:, 0] * x[:, 1]), 2),
}

HELD_OUT: dict[str, tuple[Many, int]] = {
    "robot arm 8": (robot_arm, 8),
    "branin": (branin, 2),
    "camel": (camel, 2),
    "friedman 5": (friedman, 5),
    "morokoff 10": (lambda x: 1.1**10 * (x**0.1).prod(axis=1), 10),
    "continuous 5": (lambda x: np.exp(-(np.arange(1, 6) * np.abs(x - 0.4)).sum(axis=1)), 5),
    "spike shifted 4": (lambda x: np.exp(-6 * np.sqrt((x**2).sum(axis=1) + 0.01)) - 0.01, 4),
    "ackley 3": (ackley, 3),
    "rastrigin 2": (rastrigin, 2),
    "step 3": (lambda x: 1.0 * (x.sum(axis=1) > 1.3), 3),
    "lorentz 3": (lambda x: 1 / (0.05 + ((x - 0.4) ** 2).sum(axis=1)), 3),
    "exp 7": (lambda x: np.exp(x @ np.linspace(0.2, 1.5, 7)) * np.cos(2 * x[:, 0]), 7),
    "zakharov 9": (zakharov, 9),
    "g 5": (lambda x: ((np.abs(4 * x - 2) + np.arange(5)) / (1 + np.arange(5))).prod(axis=1), 5),
    "piston 7": (scaled(piston, *PISTON), 7),
    "otl 6": (scaled(otl_circuit, *OTL), 6),
}


def true_error(learner: SparseGridLearner, f: Many) -> float:
    """The largest error at random points, relative to the range of the values."""
    x = np.random.default_rng(1).uniform(size=(4000, learner.ndim))
    y = f(x)
    values = np.concatenate([y, list(learner.data.values())])
    return float(np.max(np.abs(learner.interpolator()(x) - y)) / np.ptp(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", default="tuning,held_out")
    parser.add_argument("--n", default="100,300,1000")
    parser.add_argument("--in-flight", type=int, default=4)
    arguments = parser.parse_args()
    sets = {"tuning": TUNING, "held_out": HELD_OUT}
    sizes = [int(n) for n in arguments.n.split(",")]
    print("| function |", " | ".join(f"N = {n}: true | claimed / true" for n in sizes), "|")
    print("|---" * (1 + 2 * len(sizes)), "|", sep="")
    ratios = []
    for name, (f, d) in [item for each in arguments.functions.split(",") for item in sets[each].items()]:
        learner, cells = SparseGridLearner(f, [(0, 1)] * d), []
        for n in sizes:
            true = true_error(run(learner, f, n, arguments.in_flight), f)
            ratios.append(max(learner.loss(), 1e-14) / max(true, 1e-14))
            cells += [f"{true:.1e}", f"{ratios[-1]:.2g}"]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)
    logs = np.log10(ratios)
    print(
        f"within 1/10 … 10: {np.mean(np.abs(logs) <= 1):.0%}; below 1/10: {np.mean(logs < -1):.0%}; "
        f"smallest {10 ** logs.min():.2g}, median {10 ** np.median(logs):.2g}, largest {10 ** logs.max():.2g}"
    )


if __name__ == "__main__":
    main()
