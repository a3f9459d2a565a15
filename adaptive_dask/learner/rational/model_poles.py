"""The poles of an approximation, and which of them have no samples nearby."""

from __future__ import annotations

import numpy as np

from adaptive_dask.learner.rational.doublets import distances, peaks
from adaptive_dask.learner.rational.fit import Fit
from adaptive_dask.types import Array

# A pole is visited if a sample is this close to it, in units of its distance to the axis.
VISITED = 1.0


class ModelPoles:
    """The poles of an approximation. Only the tails of the unvisited ones are known.

    Attributes
    ----------
    at : array of complex, shape (k,)
        All poles.
    unvisited : array of complex, shape (j,)
        Genuine poles without samples nearby.
    heights : array of float, shape (j,)
        Heights of the peaks of unvisited poles on the axis, relative to the scale.
    """

    def __init__(self) -> None:
        self.at: Array = np.empty(0, dtype=complex)
        self.unvisited = self.at
        self.heights: Array = np.empty(0)

    @classmethod
    def of(cls, found: Fit, at: Array, x: Array, scale: Array) -> ModelPoles:
        """Return the poles of a fit to samples at ``x``."""
        poles = cls()
        poles.at = poles.unvisited = at
        if len(x) < 4 or not len(at):
            poles.unvisited = at[:0]
            return poles
        poles.heights, genuine = peaks(found, at, x, scale)
        poles._keep(genuine & _are_unvisited(at, x))
        return poles

    def visit(self, x: Array) -> None:
        """Update the unvisited poles after samples were added."""
        self._keep(_are_unvisited(self.unvisited, x))

    def _keep(self, mask: Array) -> None:
        self.unvisited, self.heights = self.unvisited[mask], self.heights[mask]


def _are_unvisited(poles: Array, x: Array) -> Array:
    result: Array = distances(poles, x) > VISITED * np.abs(poles.imag)
    return result
