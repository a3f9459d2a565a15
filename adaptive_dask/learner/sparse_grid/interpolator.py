"""The approximation of a `SparseGridLearner` as a picklable function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adaptive_dask.learner.sparse_grid.domain import Domain
from adaptive_dask.learner.sparse_grid.hierarchy import Values
from adaptive_dask.learner.sparse_grid.rules import Floats


class SparseGridInterpolator:
    """Evaluates the interpolant; picklable.

    Parameters
    ----------
    domain : Domain
    basis : "global", "local" or "radial"
        The kind of coordinates of `fine` and `coarse`.
    fine, coarse : callable
        The interpolant, and one with less data: functions from coordinates of shape (n, d) to values of shape (n, m).
    error : ndarray of shape (m,)
        The typical error.
    shape : tuple of int
        Shape of a value of the function.
    """

    def __init__(
        self,
        domain: Domain,
        basis: str,
        fine: Callable[[Floats], Values],
        coarse: Callable[[Floats], Values],
        error: Floats,
        shape: tuple[int, ...],
    ) -> None:
        self._domain = domain
        self._basis = basis
        self._fine = fine
        self._coarse = coarse
        self._error = error
        self._shape = shape

    def __call__(self, x: Any) -> Any:
        """Return values at points of shape (n, d), or (n,) with one input; NaN outside the bounds."""
        return self._shaped(self.components(self._points(x)))

    def error(self, x: Any) -> Any:
        """Return the estimated error at points, in the shape of the values; NaN outside the bounds."""
        points = self._points(x)
        difference = np.abs(self.components(points) - self._evaluate(self._coarse, points))
        return self._shaped(np.maximum(difference, self._error + 0 * difference))

    def components(self, points: Floats) -> Values:
        """Return values at points of shape (n, d), as an array of shape (n, m)."""
        return self._evaluate(self._fine, points)

    def _evaluate(self, fit: Callable[[Floats], Values], points: Floats) -> Values:
        inside = np.ones(len(points), dtype=bool)
        for i, axis in enumerate(self._domain.axes):
            inside &= (axis.low <= points[:, i]) & (points[:, i] <= axis.high)
        values = fit(self._coordinates(points[inside]))
        if inside.all():
            return values
        everywhere: Values = np.full((len(points), values.shape[1]), np.nan, dtype=values.dtype)
        everywhere[inside] = values
        return everywhere

    def _coordinates(self, points: Floats) -> Floats:
        if self._basis == "global":
            return self._domain.to_standard(points)
        u = self._domain.to_unit(points)
        return u if self._basis == "radial" else 2 * u - 1

    def _points(self, x: Any) -> Floats:
        points = np.asarray(x, dtype=float)
        if points.ndim == 1 and self._domain.ndim == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != self._domain.ndim:
            expected = f"(n, {self._domain.ndim})" + (" or (n,)" if self._domain.ndim == 1 else "")
            raise ValueError(f"x must have the shape {expected}, got {np.shape(x)}.")
        return points

    def _shaped(self, values: Values) -> Any:
        return values.reshape(len(values), *self._shape)
