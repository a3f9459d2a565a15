"""Pairs of neighbouring samples, which distinguish noise from unresolved features."""

from __future__ import annotations

import numpy as np

from adaptive_dask.types import Array

# Maximum distance of a pair, in units of the mean distance of the samples.
_BESIDE = 1e-3
# Number of sections of a part, each of which needs a pair: samples are close to each other at a singularity as well.
_SECTIONS = 4


class Pairs:
    """Differences of values at points close enough that a smooth function does not change between them.

    Attributes
    ----------
    are_wanted : bool
        Whether more pairs are needed.
    """

    def __init__(self) -> None:
        self._differences: dict[int, Array] = {}
        self.are_wanted = False

    def is_beside(self, x: float, other: float, samples: list[float]) -> bool:
        """Return whether two points form a pair among these samples."""
        return abs(x - other) * len(samples) < 2 * _BESIDE * (samples[-1] - samples[0])

    def add(self, x: float, difference: Array, samples: list[float]) -> None:
        """Add the difference between the value at ``x`` and its neighbour."""
        section = int(_SECTIONS * (x - samples[0]) / (samples[-1] - samples[0]))
        self._differences.setdefault(min(max(section, 0), _SECTIONS - 1), difference)

    def sigma(self, scale: Array) -> float:
        """Return the standard deviation of the noise, relative to the scale; 0 if it is unknown."""
        if len(self._differences) < _SECTIONS - 1:
            return 0.0
        # Use the median, because a step may separate a pair.
        return float(np.median([(each / scale).max() for each in self._differences.values()]) / 0.954)

    def wanted(self, samples: list[float]) -> list[float]:
        """Return points next to samples at which a value is needed to detect noise."""
        if not self.are_wanted:
            return []
        x, width = np.array(samples), samples[-1] - samples[0]
        middles = [x[0] + (k + 0.5) * width / _SECTIONS for k in range(_SECTIONS) if k not in self._differences]
        return [float(x[np.abs(x[:-1] - middle).argmin()]) + _BESIDE * width / len(x) for middle in middles]
