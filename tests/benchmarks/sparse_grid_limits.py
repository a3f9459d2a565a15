"""The smallest errors that N polynomials can have for exp(0.3 Σx) sin(x0 + 2 x1) of four inputs.

Run it with ``python -m tests.benchmarks.sparse_grid_limits``. The function is the imaginary part of a product, so all
its coefficients are known. The N largest coefficients of its expansion in Legendre polynomials give the smallest root
mean square error of any N terms. The N largest coefficients on Leja points are the best that interpolation can do.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from adaptive_dask.learner.sparse_grid.rules import uniform_leja_rule

FREQUENCIES = (1, 2, 0, 0)
DEGREES = (22, 26, 14, 14)


def legendre(frequency: float, size: int) -> Any:
    """The coefficients of one factor in orthonormal polynomials."""
    t, weights = np.polynomial.legendre.leggauss(60)
    table = np.array([np.polynomial.legendre.legval(t, [0] * k + [1]) * math.sqrt(2 * k + 1) for k in range(size)])
    return (table * weights / 2) @ np.exp((0.3 + 1j * frequency) * t)


def leja(frequency: float, size: int) -> Any:
    """The coefficients of one factor in Newton polynomials on Leja points."""
    rule = uniform_leja_rule()
    t = np.array([rule.node(k) for k in range(size)])
    return np.linalg.solve(rule.table(size, t).T, np.exp((0.3 + 1j * frequency) * t))


def product(factors: list[Any]) -> Any:
    return reduce(np.multiply.outer, factors)


def main() -> None:
    squares = product(list(map(legendre, FREQUENCIES, DEGREES))).imag.ravel() ** 2
    deviation = math.sqrt(squares[1:].sum())  # the first is that of the constant
    squares = np.sort(squares)[::-1]
    rule = uniform_leja_rule()
    coefficients = product(list(map(leja, FREQUENCIES, DEGREES))).imag
    sizes = np.abs(coefficients) * product([np.array([rule.norm(k) for k in range(size)]) for size in DEGREES])
    order = np.argsort(-sizes.ravel())
    x = np.random.default_rng(1).uniform(-1, 1, size=(3000, 4))
    exact = np.exp(0.3 * x.sum(axis=1)) * np.sin(x[:, 0] + 2 * x[:, 1])
    tables = [rule.table(size, x[:, axis]) for axis, size in enumerate(DEGREES)]
    print("| N | Legendre, N terms | Leja, N nodes |\n|---|---|---|")
    for n in (300, 600, 1000):
        nodes = np.unravel_index(order[:n], coefficients.shape)
        parts = [table[rows] for table, rows in zip(tables, nodes, strict=True)]
        values = coefficients[nodes] @ reduce(np.multiply, parts)
        error = math.sqrt(np.mean((values - exact) ** 2)) / exact.std()
        print(f"| {n} | {math.sqrt(squares[n:].sum()) / deviation:.1e} | {error:.1e} |")


if __name__ == "__main__":
    main()
