"""Radial basis functions through scattered points, in pieces if there are many."""

from __future__ import annotations

import math

import numpy as np

from adaptive_dask.learner.sparse_grid.hierarchy import Values
from adaptive_dask.learner.sparse_grid.rules import Floats

# The maximum number of points of a single fit; beyond it, each cell has a fit to the nearest points.
MAX_DENSE = 1200
NEIGHBORS = 200
POINTS_PER_CELL = 40

# The size of pieces in which points are evaluated, whose tables fit into the processor's cache.
CHUNK = 1024

# The degree of the polynomial that each kernel needs.
KERNELS = {"linear": 0, "cubic": 1, "quintic": 2}


class RadialFit:
    """A fit of radial basis functions through points in the unit cube; picklable.

    Parameters
    ----------
    u : ndarray of shape (n, d)
    values : ndarray of shape (n, m)
        Real or complex.
    kernel : str
        A key of `KERNELS`.
    """

    def __init__(self, u: Floats, values: Values, kernel: str) -> None:
        self._u, self._values, self._kernel = u, values, kernel
        self._cells: dict[int, _Piece] = {}
        self._is_dense = len(u) <= MAX_DENSE
        if self._is_dense:
            self._cells[0] = _fitted(u, values, kernel)
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
            _, nearest = self._tree.query(self._centers.data[cell], NEIGHBORS)
            self._cells[cell] = _fitted(self._u[nearest], self._values[nearest], self._kernel)
        return self._cells[cell]


class _Piece:
    """A fit to a few points, complete when `coefficients` are set to the solution of `system`."""

    coefficients: Values

    def __init__(self, u: Floats, kernel: str) -> None:
        self._kernel = kernel
        self._shift = u.mean(axis=0)
        self._scale = float(np.max(np.ptp(u, axis=0))) or 1.0
        self._t = (u - self._shift) / self._scale

    @property
    def is_determined(self) -> bool:
        """True if the points determine the polynomial."""
        polynomials = self._polynomials(self._t)
        diagonal = np.abs(np.diag(np.linalg.qr(polynomials, mode="r")))
        return bool(len(polynomials) >= polynomials.shape[1] and diagonal.min() > 1e-10 * diagonal.max())

    def system(self, values: Values) -> tuple[Floats, Values]:
        """Return the matrix and the right side of the linear equations."""
        polynomials = self._polynomials(self._t)
        n, k = polynomials.shape
        matrix = np.zeros((n + k, n + k))
        matrix[:n, :n] = self._functions(self._t)
        matrix[:n, n:] = polynomials
        matrix[n:, :n] = polynomials.T
        return matrix, np.concatenate([values, np.zeros((k, values.shape[1]))])

    def __call__(self, u: Floats) -> Values:
        t = (u - self._shift) / self._scale
        n = len(self._t)
        values = np.empty((len(t), self.coefficients.shape[1]), dtype=self.coefficients.dtype)
        for start in range(0, len(t), CHUNK):
            piece = t[start : start + CHUNK]
            values[start : start + CHUNK] = (
                self._functions(piece) @ self.coefficients[:n] + self._polynomials(piece) @ self.coefficients[n:]
            )
        return values

    def _functions(self, t: Floats) -> Floats:
        """Return the radial functions at `t`; shape (len(t), number of points)."""
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


def _fitted(u: Floats, values: Values, kernel: str) -> _Piece:
    """Return a fit with a kernel, or a linear one if the points lie in a plane."""
    piece = _Piece(u, kernel)
    if not piece.is_determined:
        piece = _Piece(u, "linear")
    piece.coefficients = np.linalg.solve(*piece.system(values))
    return piece


def predict_nearby(u: Floats, values: Values, at: Floats, kernel: str, neighbors: int) -> Values:
    """Predict values at a few points, each from its nearest ones; not finite if these lie in a plane.

    The equations are solved without BLAS, whose threads slow small matrices down by a factor of 100 if all processors
    are busy, as on a cluster.
    """
    pieces, systems = [], []
    for point in at:
        nearest = np.argsort(((u - point) ** 2).sum(axis=1), kind="stable")[:neighbors]
        pieces.append(_Piece(u[nearest], kernel))
        systems.append(pieces[-1].system(values[nearest]))
    solutions = _solve(np.array([matrix for matrix, _ in systems]), np.array([right for _, right in systems]))
    predictions = []
    for piece, point, solution in zip(pieces, at, solutions, strict=True):
        piece.coefficients = solution
        predictions.append(piece(point[None])[0])
    return np.array(predictions)


def _solve(matrices: Floats, right: Values) -> Values:
    """Solve several systems by Gaussian elimination; shapes (c, n, n) and (c, n, m). Not finite if singular."""
    rows = np.concatenate([matrices, right], axis=2)
    c, n = np.arange(len(matrices)), matrices.shape[1]
    with np.errstate(all="ignore"):
        for k in range(n):
            place = k + np.argmax(np.abs(rows[:, k:, k]), axis=1)
            pivot = rows[c, place].copy()
            rows[c, place] = rows[:, k]
            rows[:, k] = pivot
            rows[:, k + 1 :, k:] -= (rows[:, k + 1 :, k] / pivot[:, k, None])[:, :, None] * pivot[:, None, k:]
        for k in reversed(range(n)):
            rows[:, k, n:] /= rows[:, k, k, None]
            rows[:, :k, n:] -= rows[:, :k, k, None] * rows[:, k, None, n:]
    return rows[:, :, n:]


def kernels_for(count: int, ndim: int) -> list[str]:
    """Return the kernels that a number of points determines, in a space of this dimension."""
    terms = {"linear": 1, "cubic": ndim + 1, "quintic": (ndim + 1) * (ndim + 2) // 2}
    return [kernel for kernel, least in terms.items() if count >= 2 * least]
