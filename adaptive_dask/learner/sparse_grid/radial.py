"""Radial basis functions through any points, in pieces where there are many."""

from __future__ import annotations

import math

import numpy as np

from adaptive_dask.learner.sparse_grid.hierarchy import Values
from adaptive_dask.learner.sparse_grid.rules import Floats

# Up to so many points there is one fit through all of them; beyond, a fit to the nearest ones in each cell.
MAX_DENSE = 1200
NEIGHBORS = 200
POINTS_PER_CELL = 40

# Points are evaluated in pieces whose tables stay in the processor's cache.
CHUNK = 1024

# The degree of the polynomial that each kernel needs beside it.
KERNELS = {"linear": 0, "cubic": 1, "quintic": 2}


class RadialFit:
    """Radial basis functions through any points, in the unit cube; picklable.

    Parameters
    ----------
    u : ndarray of shape (n, d)
    values : ndarray of shape (n, m)
        Real or complex.
    kernel : str
        A key of `KERNELS`.
    max_dense : int
        Up to so many points there is one fit through all of them.
    neighbors : int
        How many points each cell's fit goes through if there are more.
    """

    def __init__(
        self, u: Floats, values: Values, kernel: str, max_dense: int = MAX_DENSE, neighbors: int = NEIGHBORS
    ) -> None:
        self._u, self._values, self._kernel = u, values, kernel
        self._neighbors = min(neighbors, len(u))
        self._cells: dict[int, _Piece] = {}
        self._is_dense = len(u) <= max_dense
        if self._is_dense:
            self._cells[0] = _Piece(u, values, kernel)
        else:
            from scipy.spatial import cKDTree

            self._tree = cKDTree(u)
            centers = np.random.default_rng(0).choice(len(u), math.ceil(len(u) / POINTS_PER_CELL), replace=False)
            self._centers = cKDTree(u[centers])

    def __call__(self, u: Floats) -> Values:
        if self._is_dense:
            return self._cells[0](u)
        values = np.empty((len(u), self._values.shape[1]), dtype=self._values.dtype)
        _, cells = self._centers.query(u)
        order = np.argsort(cells, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(cells[order])) + 1):
            if len(members):
                values[members] = self._piece(int(cells[members[0]]))(u[members])
        return values

    def _piece(self, cell: int) -> _Piece:
        if cell not in self._cells:
            _, nearest = self._tree.query(self._centers.data[cell], self._neighbors)
            u, values = self._u[nearest], self._values[nearest]
            try:
                piece = _Piece(u, values, self._kernel)
            except np.linalg.LinAlgError:  # the nearest points may lie in a plane
                piece = _Piece(u, values, "linear")
            self._cells[cell] = piece
        return self._cells[cell]


class _Piece:
    """One fit to a few points.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the points do not determine the polynomial.
    """

    def __init__(self, u: Floats, values: Values, kernel: str) -> None:
        self._kernel = kernel
        self._shift = u.mean(axis=0)
        self._scale = float(np.max(np.ptp(u, axis=0))) or 1.0
        self._t = (u - self._shift) / self._scale
        polynomials = self._polynomials(self._t)
        n, k = polynomials.shape
        diagonal = np.abs(np.diag(np.linalg.qr(polynomials, mode="r")))
        if n < k or diagonal.min() < 1e-10 * diagonal.max():
            raise np.linalg.LinAlgError("The points do not determine the polynomial.")
        matrix = np.zeros((n + k, n + k))
        matrix[:n, :n] = self._functions(self._t)
        matrix[:n, n:] = polynomials
        matrix[n:, :n] = polynomials.T
        right = np.concatenate([values, np.zeros((k, values.shape[1]))])
        self._coefficients: Values = np.linalg.solve(matrix, right)

    def __call__(self, u: Floats) -> Values:
        t = (u - self._shift) / self._scale
        n = len(self._t)
        values = np.empty((len(t), self._coefficients.shape[1]), dtype=self._coefficients.dtype)
        for start in range(0, len(t), CHUNK):
            piece = t[start : start + CHUNK]
            values[start : start + CHUNK] = (
                self._functions(piece) @ self._coefficients[:n] + self._polynomials(piece) @ self._coefficients[n:]
            )
        return values

    def _functions(self, t: Floats) -> Floats:
        """The radial functions at `t`; shape (len(t), number of points)."""
        squares = (t**2).sum(axis=1)[:, None] + (self._t**2).sum(axis=1) - 2 * t @ self._t.T
        np.maximum(squares, 0.0, out=squares)
        radii: Floats = np.sqrt(squares)
        if self._kernel == "linear":
            return -radii
        values: Floats = radii * squares if self._kernel == "cubic" else -radii * squares**2
        return values

    def _polynomials(self, t: Floats) -> Floats:
        columns = [np.ones((len(t), 1))]
        if KERNELS[self._kernel] > 0:
            columns.append(t)
        if KERNELS[self._kernel] > 1:
            first, second = np.triu_indices(t.shape[1])
            columns.append(t[:, first] * t[:, second])
        return np.concatenate(columns, axis=1)


def kernels_for(count: int, ndim: int) -> list[str]:
    """The kernels that so many points in so many dimensions can determine."""
    terms = {"linear": 1, "cubic": ndim + 1, "quintic": (ndim + 1) * (ndim + 2) // 2}
    return [kernel for kernel, least in terms.items() if count >= 2 * least]
