"""The functions of the field are what the literature says they are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

from adaptive_dask.testing import functions
from adaptive_dask.testing.functions import GANDER_GAUTSCHI, KAHANER, lyness_kaganove


@pytest.mark.parametrize(
    ("function", "bounds", "where", "smallest"),
    [
        (functions.gramacy_lee, functions.GRAMACY_LEE_BOUNDS, 0.548563, -0.869011),
        (functions.forrester, functions.FORRESTER_BOUNDS, 0.757249, -6.020740),
    ],
)
def test_minima_on_a_line(function, bounds, where, smallest):
    xs = np.linspace(*bounds, 20_001)
    ys = [function(x) for x in xs]
    assert min(ys) == pytest.approx(smallest, abs=1e-5)
    assert xs[int(np.argmin(ys))] == pytest.approx(where, abs=2e-4)


@pytest.mark.parametrize("where", [(-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475)])
def test_minima_of_branin(where):
    assert functions.branin(where) == pytest.approx(0.397887, abs=1e-5)
    assert scipy.optimize.minimize(functions.branin, where).fun == pytest.approx(0.397887, abs=1e-5)


def test_mean_and_variance_of_ishigami():
    # The trapezoidal rule is exact for trigonometric polynomials, and Gauss-Legendre for the quartic.
    angles = np.linspace(-math.pi, math.pi, 32, endpoint=False)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    values = np.array(
        [[functions.ishigami((x, y, math.pi * z)) for z in nodes] for x, y in itertools.product(angles, angles)]
    )
    mean = (values @ weights).mean() / 2
    assert mean == pytest.approx(3.5)
    variance = ((values - mean) ** 2 @ weights).mean() / 2
    assert variance == pytest.approx(49 / 8 + 0.1 * math.pi**4 / 5 + 0.01 * math.pi**8 / 18 + 0.5)


def test_shapes():
    assert functions.step(0.29) == 0
    assert functions.step(0.3) == 1
    assert functions.cusp(0.3) == 0
    assert functions.cusp(-0.7) == 1
    assert functions.peak(0.3) == pytest.approx(1.3)
    assert functions.ring((0.0, 0.75)) == pytest.approx(1)
    assert functions.sphere((0.0, 0.75, 0.0)) == pytest.approx(1)


def test_noise_depends_on_seed_and_place():
    noisy = functions.noisy_peak
    assert noisy((3, 0.5)) == noisy((3, np.float64(0.5)))
    samples = [noisy((seed, 0.5), sigma=0.2) for seed in range(800)]
    assert np.mean(samples) == pytest.approx(functions.peak(0.5, width=0.1), abs=0.015)
    assert np.std(samples) == pytest.approx(0.2, rel=0.05)


# Where a function jumps, or peaks.
BREAKS = {
    "Kahaner 2": [0.3],
    "Kahaner 21": [0.2, 0.4, 0.6],
    "Gander-Gautschi 23": [30 / 230],
    "Gander-Gautschi 24": [math.log(k) for k in range(2, 21)],
    "Gander-Gautschi 25": [1, 3],
}


@pytest.mark.parametrize("integral", [*KAHANER, *GANDER_GAUTSCHI], ids=lambda integral: integral.name)
def test_known_integrals(integral):
    points = BREAKS.get(integral.name)
    value, _ = scipy.integrate.quad(
        integral.function, *integral.bounds, points=points, epsabs=0, epsrel=1e-11, limit=500
    )
    assert value == pytest.approx(integral.exact, rel=1e-11)


def test_families_of_integrals():
    integrals = lyness_kaganove(3, seed=5)
    assert len(integrals) == 18
    assert [i.exact for i in integrals] == [i.exact for i in lyness_kaganove(3, seed=5)]
    assert len({i.name for i in integrals}) == 6
    for integral in integrals:
        if "peak" not in integral.name:
            nodes, weights = np.polynomial.legendre.leggauss(20)
            a, b = integral.bounds
            edges = np.linspace(a, b, 401)
            xs = (edges[:-1, None] + edges[1:, None]) / 2 + nodes * (b - a) / 800
            values = np.array([integral.function(x) for x in xs.ravel()]).reshape(xs.shape)
            value = float((values @ weights).sum() * (b - a) / 800)
            assert value == pytest.approx(integral.exact, rel=2e-2, abs=1e-3)
