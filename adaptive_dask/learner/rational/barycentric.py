"""A rational function in barycentric form, with values that may be vectors."""

from __future__ import annotations

import numpy as np

from adaptive_dask.types import Array

# Number of points evaluated at a time, so that the matrices for many points stay in the processor's cache.
_CHUNK = 4096
# A support point that affects only this fraction of the distance to the next sample is a spurious spike.
SPIKE = 1e-6


class Barycentric:
    """r(x) = Σ wⱼ fⱼ / (x - zⱼ) / Σ wⱼ / (x - zⱼ), of type (m - 1, m - 1), with r(zⱼ) = fⱼ where wⱼ ≠ 0.

    Parameters
    ----------
    support : array of float, shape (m,)
        The support points zⱼ, all different.
    values : array of float or complex, shape (m, M)
    weights : array of float or complex, shape (m,)
        Shared by the M components.

    References
    ----------
    J.-P. Berrut and L. N. Trefethen, Barycentric Lagrange interpolation, SIAM Review 46 (2004) 501.
    """

    def __init__(self, support: Array, values: Array, weights: Array) -> None:
        self.support = support
        self.values = values
        self.weights = weights

    @property
    def order(self) -> int:
        """Number of support points."""
        return len(self.support)

    def __call__(self, x: Array) -> Array:
        """Evaluate at real or complex points.

        Parameters
        ----------
        x : array, shape (n,)

        Returns
        -------
        array, shape (n, M)
        """
        if len(x) <= _CHUNK:
            return self._evaluate(x)
        return np.concatenate([self._evaluate(x[i : i + _CHUNK]) for i in range(0, len(x), _CHUNK)])

    def without_spikes(self, x: Array) -> Array:
        """Evaluate at samples, ignoring support points that change only their own value.

        Parameters
        ----------
        x : array, shape (n,)
            Ascending, n > 1.

        Returns
        -------
        array, shape (n, M)
        """
        result = self(x)
        if self.order == 1:
            return result
        length = np.diff(x)
        spacing = np.minimum(np.append(length, np.inf), np.append(np.inf, length))
        difference = x[:, np.newaxis] - self.support
        row, column = (difference == 0).nonzero()
        difference[row, column] = np.inf
        with np.errstate(all="ignore"):
            kernel = self.weights / difference[row]
            below = kernel.sum(axis=1)
            spike = np.abs(self.weights[column]) < SPIKE * spacing[row] * np.abs(below)
            result[row[spike]] = (kernel[spike] @ self.values) / below[spike, np.newaxis]
        return result

    def _evaluate(self, x: Array) -> Array:
        if self.order == 1:
            return np.broadcast_to(self.values[0], (len(x), self.values.shape[1])).copy()
        difference = x[:, np.newaxis] - self.support
        exact = difference == 0
        hits = exact.any()
        if hits:
            difference[exact] = 1.0
        kernel = self.weights / difference
        with np.errstate(all="ignore"):
            result: Array = (kernel @ self.values) / kernel.sum(axis=1)[:, np.newaxis]
        if hits:
            row, column = exact.nonzero()
            result[row] = self.values[column]
        return result
