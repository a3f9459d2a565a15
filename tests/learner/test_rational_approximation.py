"""Rational approximation of samples: exact where the function is rational, robust where the data are odd."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.breaks import find_break
from adaptive_dask.learner.rational.error_shape import ErrorShape, innermost_gaps
from adaptive_dask.learner.rational.fit import fit
from adaptive_dask.learner.rational.interpolator import Lines, Piece, RationalInterpolator
from adaptive_dask.learner.rational.poles import fast_poles, residues, roots
from adaptive_dask.learner.rational.smooth_fit import smooth_fit

GRID = np.linspace(-1, 1, 2001)


def chebyshev(n: int) -> Any:
    return -np.cos(np.pi * np.arange(n) / (n - 1))


def test_a_rational_function_is_found_exactly() -> None:
    def f(x: Any) -> Any:
        return np.column_stack((1 / (x - 0.3 + 0.01j) + 2j * x, 3 / (x - 0.3 + 0.01j) + 1))

    x = chebyshev(30)
    found = fit(x, f(x))
    assert found.converged
    assert found.model.order <= 4
    np.testing.assert_allclose(found.model(GRID), f(GRID), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "f", [np.exp, lambda x: np.sin(20 * x), lambda x: np.tanh(10 * x), lambda x: 1 / (1 + 25 * x**2)]
)
def test_smooth_functions_converge_to_rounding_errors(f: Any) -> None:
    x = chebyshev(80)
    found = fit(x, f(x)[:, np.newaxis])
    assert found.converged
    assert np.abs(found.model(GRID)[:, 0] - f(GRID)).max() < 1e-11


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("f", [np.zeros_like, np.ones_like, lambda x: x, lambda x: np.where(x > 0.3, 1.0, 0.0)])
def test_few_samples_and_exact_zeros(n: int, f: Any) -> None:
    x = np.linspace(-1, 1, n + 1)[1:]
    found = fit(x, f(x)[:, np.newaxis])
    assert np.isfinite(found.model(x)).all()
    assert np.isfinite(found.residual)
    assert found.model.order <= max(1, n // 2)


def test_a_spike_through_one_sample_is_no_approximation() -> None:
    x = np.linspace(-1, 1, 6)
    found = fit(x, np.where(x > 0.3, 1.0, 0.0)[:, np.newaxis])
    assert found.residual > 0.1


def test_a_fit_may_begin_with_support_points_of_another_one() -> None:
    x = chebyshev(60)
    values = np.tanh(10 * x)[:, np.newaxis]
    cold = fit(x, values)
    warm = fit(x, values, cold.support[:-3])
    assert warm.converged
    assert warm.support[: cold.model.order - 3] == cold.support[:-3]
    assert -1.0 in cold.support
    assert -1.0 not in fit(x[1:], values[1:], cold.support).support


def test_evaluation_in_many_chunks_and_at_support_points() -> None:
    model = Barycentric(np.array([0.0, 1.0]), np.array([[1.0], [3.0]]), np.array([1.0, -1.0]))
    x = np.linspace(-1, 2, 30_001)
    np.testing.assert_allclose(model(x)[:, 0], 1 + 2 * x, atol=1e-12)
    assert model(np.array([1.0]))[0, 0] == 3.0


@pytest.mark.parametrize("f", [lambda x: np.exp(np.sin(6 * x)), lambda x: np.tanh(8 * x), lambda x: np.sin(15 * x)])
def test_the_shape_of_the_error_tells_the_largest_one_from_a_few(f: Any) -> None:
    x = np.sort(np.concatenate(([-1.0, 1.0], np.random.default_rng(1).uniform(-1, 0.8, 26))))
    found = fit(x, f(x)[:, np.newaxis])
    size = ErrorShape(x, fast_poles(found.model), found.model.order)(GRID)
    error = np.abs(found.model(GRID)[:, 0] - f(GRID))
    well_known = (GRID > -0.5) & (GRID < 0.5)
    few = well_known & (size > np.quantile(size[well_known], 0.9))
    expected = np.exp(np.median(np.log(error[few]) - size[few]) + size.max())
    assert 0.03 < expected / error.max() < 30


def test_poles_gather_at_a_singularity_and_not_at_a_peak() -> None:
    x = np.linspace(-1, 1, 21)
    gathered = 0.33 + 1e-6j * 5.0 ** np.arange(5)
    ((low, place, high),) = innermost_gaps(x, np.concatenate((gathered, gathered.conj())))
    assert (low, place, high) == pytest.approx((x[13], 0.33, x[14]))
    assert innermost_gaps(x, np.array([0.33 + 1e-6j, 0.33 - 1e-6j, 0.4 + 0.5j, 0.4 - 0.5j])) == []
    assert innermost_gaps(x, 0.1j + np.linspace(-1, 1, 9)) == []
    assert [gap[0] for gap in innermost_gaps(x, np.array([-1 - 1e-6, -1.1, 1.5]))] == [-1.0]


def test_poles_residues_and_zeros() -> None:
    x = chebyshev(40)
    values = 2 / (x - 0.25 + 1e-4j) - 1j / (x + 0.5 + 0.01j)
    model = fit(x, values[:, np.newaxis] / 100).model
    poles = np.sort_complex(roots(model.support, model.weights))
    poles = poles[np.abs(poles) < 2]
    np.testing.assert_allclose(poles, [-0.5 - 0.01j, 0.25 - 1e-4j], atol=1e-10)
    np.testing.assert_allclose(100 * residues(model, poles)[:, 0], [-1j, 2], atol=1e-7)
    fast = np.sort_complex(fast_poles(model))
    np.testing.assert_allclose(fast[np.abs(fast) < 2], poles, atol=1e-6)
    zero = roots(model.support, model.weights * model.values[:, 0])
    zero = zero[np.abs(zero) < 2]
    assert np.abs(model(zero)).max() < 1e-8


def test_noise_is_smoothed_and_measured() -> None:
    random = np.random.default_rng(3)
    x = np.sort(random.uniform(-1, 1, 120))
    y = np.sin(3 * x) + 1e-3 * random.normal(size=120)
    found = smooth_fit(x, y[:, np.newaxis])
    assert found is not None
    assert 0.7e-3 < found.spread < 1.4e-3
    inside = GRID[(x[0] < GRID) & (x[-1] > GRID)]
    assert np.abs(found.model(inside)[:, 0] - np.sin(3 * inside)).max() < 2e-3


@pytest.mark.parametrize(
    "f", [lambda x: np.abs(x - 0.1), lambda x: np.where(x > 0.1, np.exp(x), -x), lambda x: np.abs(np.sin(x - 0.1))]
)
def test_breaks_are_found(f: Any) -> None:
    x = np.linspace(-1, 1, 24)
    i = find_break(x, f(x)[:, np.newaxis], 1e-5)
    assert i is not None
    assert x[i] < 0.1 <= x[i + 1]


@pytest.mark.parametrize("f", [np.exp, np.sin, lambda x: np.sin(30 * x), lambda x: 1 / (1e-3 + x**2), np.zeros_like])
def test_smooth_functions_do_not_break(f: Any) -> None:
    for n in (8, 15, 40):
        x = np.linspace(-1, 1, n)
        assert find_break(x, f(x)[:, np.newaxis], 1e-5) is None


def test_an_interpolator_is_small_and_knows_its_bounds() -> None:
    x = chebyshev(20)
    found = fit(x, np.exp(x)[:, np.newaxis])
    pieces = [
        Piece(-1.0, found.model, found.companion, 1e-3, np.array([1e-9])),
        Piece(0.5, Lines(np.array([0.5, 1.0]), np.array([[0.0], [1.0]])), None, 1.0, np.array([0.1])),
    ]
    interpolator = pickle.loads(pickle.dumps(RationalInterpolator((-1.0, 1.0), pieces, shape=())))
    at = np.array([-2.0, -1.0, 0.0, 0.5, 0.75, 1.0, 1.5, np.nan])
    np.testing.assert_allclose(interpolator(at), [np.nan, np.exp(-1), 1, 0, 0.5, 1, np.nan, np.nan], atol=1e-9)
    error = interpolator.error(at)
    assert np.isnan(error).tolist() == [True] + 5 * [False] + 2 * [True]
    assert (error[1:3] <= 1e-9).all()
    assert (error[3:6] == 0.1).all()
    assert len(pickle.dumps(interpolator)) < 4000
