"""RationalInterpolator: the approximation of a `RationalLearner1D`, independent of the learner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.types import Array


class Lines:
    """Straight lines between samples, continued beyond the first and the last.

    Parameters
    ----------
    x : array of float, shape (n,)
        Ascending.
    y : array, shape (n, M)
    """

    def __init__(self, x: Array, y: Array) -> None:
        self.x, self.y = x, y

    def __call__(self, x: Array) -> Array:
        """Evaluate at ``x``, shape (len(x), M)."""
        if len(self.x) == 1:
            return np.broadcast_to(self.y[0], (len(x), self.y.shape[1])).copy()
        i = np.clip(np.searchsorted(self.x, x) - 1, 0, len(self.x) - 2)
        t = ((x - self.x[i]) / (self.x[i + 1] - self.x[i]))[:, np.newaxis]
        result: Array = self.y[i] * (1 - t) + self.y[i + 1] * t
        return result


@dataclass
class Piece:
    """An approximation that applies up to the start of the next one.

    Attributes
    ----------
    start : float
    value : Barycentric, Lines, or None
        The approximation; None where the function has no finite values.
    other : Barycentric or None
        A second approximation, whose difference from the first estimates its error.
    trust : float
        Ratio of the error to this difference.
    error : array, shape (M,)
        Largest error.
    """

    start: float
    value: Barycentric | Lines | None
    other: Barycentric | None
    trust: float
    error: Array


class RationalInterpolator:
    """A piecewise rational function.

    Parameters
    ----------
    bounds : (float, float)
    pieces : list of Piece
        Ascending; the first starts at the lower bound.
    shape : tuple of int
        Shape of the values: ``()`` for numbers, ``(M,)`` for vectors.

    Notes
    -----
    The interpolator has no reference to the learner. It consists of a few small arrays. Evaluation is vectorised.
    """

    def __init__(self, bounds: tuple[float, float], pieces: list[Piece], shape: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.shape = shape
        self._pieces = pieces
        self._starts = np.array([piece.start for piece in pieces[1:]])
        kinds = [
            piece.value.values if isinstance(piece.value, Barycentric) else piece.value.y
            for piece in pieces
            if piece.value
        ]
        self._dtype = np.result_type(float, *kinds)

    def __call__(self, x: Any) -> Array:
        """Evaluate the approximation.

        Parameters
        ----------
        x : array of float, shape (n,)

        Returns
        -------
        array of float or complex, shape (n,), or (n, M) if values are vectors
            NaN outside of the bounds, and where the function has no finite values.
        """
        return self._in_pieces(x, self._dtype, lambda piece, x: np.nan if piece.value is None else piece.value(x))

    def error(self, x: Any) -> Array:
        """Estimate the error of the approximation, in the unit of the values.

        Parameters
        ----------
        x : array of float, shape (n,)

        Returns
        -------
        array of float, shape (n,), or (n, M) if values are vectors
            NaN outside of the bounds; infinite where there is no estimate.
        """
        return self._in_pieces(x, np.dtype(float), _error)

    def _in_pieces(self, x: Any, dtype: Any, evaluate: Any) -> Array:
        x = np.asarray(x, dtype=float)
        flat = x.ravel()
        components = len(self._pieces[0].error)
        result = np.full((len(flat), components), np.nan, dtype=dtype)
        inside = (flat >= self.bounds[0]) & (flat <= self.bounds[1])
        if len(self._pieces) == 1:
            result[inside] = evaluate(self._pieces[0], flat[inside])
        else:
            which = np.where(inside, np.searchsorted(self._starts, flat, side="right"), -1)
            for k in np.unique(which[inside]):
                mine = which == k
                result[mine] = evaluate(self._pieces[k], flat[mine])
        return result.reshape(x.shape + self.shape)

    def __repr__(self) -> str:
        return f"<RationalInterpolator on {self.bounds}, {len(self._pieces)} piece{'s' * (len(self._pieces) > 1)}>"


def _error(piece: Piece, x: Array) -> Any:
    if piece.value is None:
        return np.nan
    if piece.other is None:
        return piece.error
    with np.errstate(all="ignore"):
        local = piece.trust * np.abs(piece.value(x) - piece.other(x))
    # The error elsewhere is at least a fraction of the largest one.
    least = np.where(np.isfinite(piece.error), 0.1 * piece.error, 0.0)
    return np.minimum(np.maximum(np.nan_to_num(local, nan=np.inf), least), piece.error)
