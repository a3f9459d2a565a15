"""Rational approximation of sampled functions by the AAA algorithm, for vectors with shared support points.

References
----------
Y. Nakatsukasa, O. Sète and L. N. Trefethen, The AAA algorithm for rational approximation, SIAM J. Sci. Comput. 40
(2018) A1494. P. Lietaert, J. Meerbergen, J. Pérez and B. Vandereycken, Automatic rational approximation and
linearization of nonlinear eigenvalue problems, IMA J. Numer. Anal. 42 (2022) 1087.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg

from adaptive_dask.learner.rational.barycentric import SPIKE
from adaptive_dask.types import Array

# Samples closer to a support point than this fraction of the interval have a lower weight.
_BESIDE = 1e-5


class Loewner:
    """The Loewner matrices of samples and a growing list of support points.

    Parameters
    ----------
    x : array of float, shape (n,)
    values : array, shape (n, M)
        Scaled, so that errors of all components are comparable.
    capacity : int
        Maximum number of support points.
    importance : array, shape (n, M), optional
        Factors by which the errors of the values are weighted.
    """

    def __init__(self, x: Array, values: Array, capacity: int, importance: Array | None = None) -> None:
        self.x, self.values, self.importance = x, values, importance
        length = np.diff(x)
        self.spacing = np.full(len(x), np.inf)
        self.spacing[:-1] = length
        self.spacing[1:] = np.minimum(self.spacing[1:], length)
        n, components = values.shape
        self.support: list[int] = []
        self.free = np.ones(n, dtype=bool)
        self._cauchy = np.empty((n, capacity))
        self._matrix = np.empty((n, components, capacity), dtype=values.dtype)

    def add(self, i: int) -> None:
        """Make sample i a support point."""
        m = len(self.support)
        difference = self.x - self.x[i]
        difference[i] = 1.0
        self._cauchy[:, m] = 1.0 / difference
        self._cauchy[i, m] = 0.0
        np.multiply(self.values - self.values[i], self._cauchy[:, m, np.newaxis], out=self._matrix[:, :, m])
        if self.importance is not None:
            self._matrix[:, :, m] *= self.importance
        self.support.append(i)
        self.free[i] = False

    def weights(self, columns: Sequence[int] | None = None) -> Array:
        """Return the weights that minimise the linearised residual of the samples that are not support points.

        Parameters
        ----------
        columns : sequence of int, optional
            Indices of the support points to use. By default, all.
        """
        m = len(self.support)
        free = self.free
        if columns is None:
            columns, rows = range(m), self._matrix[free, :, :m]
        else:
            free = free.copy()
            free[self.support] = True
            free[[self.support[j] for j in columns]] = False
            rows = self._matrix[free][:, :, columns]
        if len(columns) == 1:
            return np.ones(1, dtype=self.values.dtype)
        # Next to a support point, rounding errors dominate the quotients of differences, while the absolute error of
        # the approximation is small. This does not apply to errors that ``importance`` makes relative.
        near = np.abs(self._cauchy[free][:, columns]).max(axis=1) * (_BESIDE * (self.x[-1] - self.x[0]))
        if self.importance is None and near.max(initial=0.0) > 1:
            rows = rows / np.maximum(near, 1.0)[:, np.newaxis, np.newaxis]
        rows = rows.reshape(-1, len(columns))
        # Normalise the columns: a column far larger than the others would cost the null vector its accuracy.
        size = np.sqrt(np.einsum("ij,ij->j", rows, rows.conj()).real)
        size[size == 0] = 1.0
        weights: Array = smallest_singular_vector(rows / size) / size
        return weights

    def approximation(self, weights: Array) -> Array:
        """Return the rational function with these weights at all samples, shape (n, M).

        At a support point, it is the sampled value. The exception is a spike far narrower than the distance to the next
        sample, which is removed.
        """
        m = len(weights)
        if m == 1:
            return np.broadcast_to(self.values[self.support[0]], self.values.shape).copy()
        support = self.support[:m]
        kernel = self._cauchy[:, :m] * weights
        with np.errstate(all="ignore"):
            below = kernel.sum(axis=1)
            result: Array = (kernel @ self.values[support]) / below[:, np.newaxis]
            spike = np.abs(weights) < SPIKE * self.spacing[support] * np.abs(below[support])
        regular = np.array(support)[~spike]
        result[regular] = self.values[regular]
        return result


def smallest_singular_vector(matrix: Array) -> Array:
    """Return the right singular vector of the smallest singular value of a matrix of shape (n, m)."""
    n, m = matrix.shape
    if n > 2 * m:
        matrix = scipy.linalg.qr(matrix, mode="r", check_finite=False)[0][:m]
    # The default driver, gesdd, multiplies small matrices in several threads, which wait for each other. On a busy
    # machine, this makes the whole fit twenty times slower.
    try:
        vectors = scipy.linalg.svd(matrix, full_matrices=n < m, check_finite=False, lapack_driver="gesvd")[2]
    except (np.linalg.LinAlgError, ValueError):
        vectors = scipy.linalg.svd(matrix, full_matrices=n < m, check_finite=False)[2]
    result: Array = vectors[-1].conj()
    return result
