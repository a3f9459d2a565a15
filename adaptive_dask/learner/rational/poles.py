"""Poles, residues and zeros of a rational function in barycentric form."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.types import Array


def fast_poles(model: Barycentric) -> Array:
    """Return the poles to the accuracy that the choice of points needs, at a tenth of the cost of `roots`.

    The zeros of Σ wⱼ / (x - zⱼ) are the eigenvalues of Z - w zᵀ / Σw, except for one at 0.
    """
    z, w = model.support, model.weights
    if model.order < 2:
        return np.empty(0, dtype=complex)
    low, high = z.min(), z.max()
    # Shifted so that 0 is far from the relevant poles.
    t = 2.0 + 2.0 * (z - low) / (high - low)
    total = w.sum()
    if not np.isfinite(total) or abs(total) < 1e-14 * np.abs(w).max():
        return roots(z, w)
    try:
        found = scipy.linalg.eigvals(np.diag(t) - np.outer(w, t) / total, check_finite=False)
    except (np.linalg.LinAlgError, ValueError):
        return np.empty(0, dtype=complex)
    found = found[np.isfinite(found) & (np.abs(found) > 0.5)]
    result: Array = low + (found - 2.0) * (high - low) / 2.0
    return result


def roots(z: Array, coefficients: Array) -> Array:
    """Return the finite zeros of Σ cⱼ / (x - zⱼ).

    Parameters
    ----------
    z : array of float, shape (m,)
    coefficients : array, shape (m,)

    Returns
    -------
    array of complex, shape (m - 1,) or less
    """
    m = len(z)
    if m < 2 or not np.any(coefficients):
        return np.empty(0, dtype=complex)
    middle, half = (z.max() + z.min()) / 2, (z.max() - z.min()) / 2
    arrow = np.zeros((m + 1, m + 1), dtype=np.result_type(coefficients.dtype, float))
    arrow[0, 1:] = coefficients / np.abs(coefficients).max()
    arrow[1:, 0] = 1.0
    arrow[1:, 1:] = np.diag((z - middle) / half)
    right = np.eye(m + 1)
    right[0, 0] = 0.0
    with np.errstate(all="ignore"):
        try:
            found = scipy.linalg.eigvals(arrow, right, check_finite=False)
        except (np.linalg.LinAlgError, ValueError):
            return np.empty(0, dtype=complex)
    found = found[np.isfinite(found)]
    # Newton's method on Σ cⱼ / (x - zⱼ) restores the accuracy that the eigenvalues of narrow features lack.
    t = (z - middle) / half
    with np.errstate(all="ignore"):
        for _ in range(3):
            kernel = coefficients / (found[:, np.newaxis] - t)
            step = kernel.sum(axis=1) / (kernel / (found[:, np.newaxis] - t)).sum(axis=1)
            near = np.isfinite(step) & (np.abs(step) < 1e-3 * (1e-3 + np.abs(found)))
            found = np.where(near, found + step, found)
    result: Array = middle + half * found[np.abs(found) < 1e8]
    return result


def residues(model: Barycentric, poles: Array) -> Array:
    """Return the residues at simple poles, shape (number of poles, M)."""
    difference = poles[:, np.newaxis] - model.support
    with np.errstate(all="ignore"):
        kernel = model.weights / difference
        result: Array = -(kernel @ model.values) / (kernel / difference).sum(axis=1)[:, np.newaxis]
    return result
