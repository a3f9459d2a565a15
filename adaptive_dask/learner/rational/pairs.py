"""Samples beside each other, which tell noise from a function that is not resolved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Samples are beside each other if this close, in units of their mean distance.
_BESIDE = 1e-3
# The part is divided into as many sections. A pair is wanted in each, because samples are also close to each other
# where the function is singular.
_SECTIONS = 4


class Pairs:
    """Differences of values so close to each other that those of a smooth function are the same.

    Attributes
    ----------
    are_wanted : bool
        Whether more of them would tell something.
    """

    def __init__(self) -> None:
        self._differences: dict[int, Array] = {}
        self.are_wanted = False

    def is_beside(self, x: float, other: float, samples: list[float]) -> bool:
        """Whether two points are beside each other among these samples."""
        return abs(x - other) * len(samples) < 2 * _BESIDE * (samples[-1] - samples[0])

    def add(self, x: float, difference: Array, samples: list[float]) -> None:
        """Add the difference of the value at ``x`` to that beside it."""
        section = int(_SECTIONS * (x - samples[0]) / (samples[-1] - samples[0]))
        self._differences.setdefault(min(max(section, 0), _SECTIONS - 1), difference)

    def sigma(self, scale: Array) -> float:
        """The standard deviation of the noise, relative to the scale; 0 if it is not known."""
        if len(self._differences) < _SECTIONS - 1:
            return 0.0
        # The median, because a pair may lie on both sides of a step.
        return float(np.median([(each / scale).max() for each in self._differences.values()]) / 0.954)

    def wanted(self, samples: list[float]) -> list[float]:
        """Where a sample beside a known one would tell whether there is noise."""
        if not self.are_wanted:
            return []
        x, width = np.array(samples), samples[-1] - samples[0]
        middles = [x[0] + (k + 0.5) * width / _SECTIONS for k in range(_SECTIONS) if k not in self._differences]
        return [float(x[np.abs(x[:-1] - middle).argmin()]) + _BESIDE * width / len(x) for middle in middles]
