"""What was predicted of values before they were known, and what that says of the present approximation."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.rational.error_shape import ErrorShape

Array = NDArray[Any]
Kind = Literal["rational", "smooth", "linear"]

# An approximation is believed when it predicted this many points, of which this many where its error is large.
CHECKS, _LARGE_CHECKS = 4, 2
# That is, where it is expected to be at least this fraction of the largest one.
_LARGE = np.log(0.1)
# How many predictions are kept.
_MEMORY = 24
# A check tells something where the approximations differ by this fraction of their largest difference.
_TELLING = 1e-3
_ENOUGH_TELLING, _MANY_TELLING = 3, 6
# By how much more than the approximations differ an error may be.
_MOST_TRUST = 100.0
# Differences below this are rounding errors.
_LEAST = 1e-15


@dataclass
class Prediction:
    """What was predicted of a value before it was known.

    Attributes
    ----------
    x : float
    errors : dict of Kind to float
        By how much each approximation was wrong, relative to the scale of the values.
    expected : float
        By how much the two approximations of the active kind differed there.
    size : float
        The logarithm of the error of the rational approximation by its `ErrorShape`.
    trust : float
        The ratio of the error to ``expected``.
    is_telling : bool
        Whether ``expected`` is not much less than where the approximations differed most.
    """

    x: float
    errors: dict[Kind, float]
    expected: float
    size: float
    trust: float
    is_telling: bool


class Record:
    """The last predictions, and how well the present approximation is tested.

    Attributes
    ----------
    checks : int
        How many values the present approximation has predicted.
    shape : ErrorShape or None
        That of the present rational approximation.
    largest_difference, largest_size : float
        The largest difference of the approximations, and the logarithm of the largest error by ``shape``.
    common : float
        By which factor the errors are larger than the differences of the approximations.
    """

    def __init__(self, predictions: list[Prediction] | None = None) -> None:
        self._predictions = deque(predictions or [], maxlen=_MEMORY)
        self._trust: dict[float, float] = {}
        self.checks, self._is_tested = 0, False
        self.shape: ErrorShape | None = None
        self.largest_difference, self.largest_size, self.common = 0.0, -np.inf, 1.0

    def predictions(self) -> list[Prediction]:
        """The last predictions, those of earlier approximations, too."""
        return list(self._predictions)

    def start_over(self, shape: ErrorShape | None) -> None:
        """Begin with a new approximation."""
        self.checks, self.shape, self._is_tested = 0, shape, False

    def add(self, x: float, errors: dict[Kind, float], active: Kind, expected: float, least: float) -> None:
        """Add what was predicted at ``x``; errors below ``least`` are rounding errors."""
        trust = min(_MOST_TRUST, max(errors[active], _LEAST) / max(expected, least))
        is_telling = expected >= _TELLING * self.largest_difference
        size = float(self.shape(np.array([x]))[0]) if self.shape else 0.0
        self._predictions.append(Prediction(x, errors, expected, size, trust, is_telling))
        self._trust[x] = trust
        self.checks += 1

    def errors(self, kind: Kind, count: int = _MEMORY) -> list[float]:
        """The last errors of a kind of approximation, no more than ``count``."""
        return [p.errors[kind] for p in self._predictions if kind in p.errors][-count:]

    def _present(self) -> list[Prediction]:
        return self.predictions()[-self.checks :] if self.checks else []

    def is_tested(self, kind: Kind) -> bool:
        """Whether the present approximation has predicted enough values, also where its error is large."""
        if self.checks < CHECKS:
            return False
        if not self._is_tested:
            # A value may be missing in a gap, or the gap have no room for one.
            is_complete = self.checks >= _MEMORY or not self.untested_gaps()
            self._is_tested = is_complete and len(self._where_large()) >= _LARGE_CHECKS
        return self._is_tested or kind != "rational"

    def untested_gaps(self) -> list[tuple[float, float, float]]:
        """The innermost gaps at singularities, see `innermost_gaps`, in which no value was predicted yet."""
        gaps = self.shape.innermost if self.shape else []
        return [(a, x, b) for a, x, b in gaps if not any(a < p.x < b for p in self._present())]

    def _where_large(self) -> list[Prediction]:
        return [p for p in self._present() if p.size >= self.largest_size + _LARGE]

    def largest_by_shape(self, floor: float) -> float:
        """The largest error of the rational approximation, from those at its checks that are above ``floor``."""
        large = self._where_large()
        if large:
            errors = [(p.errors["rational"], p.size) for p in large]
            scaled = [error * np.exp(self.largest_size - size) for error, size in errors if error > floor]
            return float(max(scaled, default=0.0))
        # Until there are any, it is as wrong as the one before.
        before = self.errors("rational", 2)
        return min(1e3, max(before)) if len(before) == 2 else 1.0

    def is_telling(self) -> bool:
        """Whether checks tell by how much the differences of the present approximations differ from errors."""
        return len(self._telling()) >= _ENOUGH_TELLING

    def worst(self) -> float:
        """Where the present rational approximation was wrong most."""
        return max(self._present(), key=lambda p: p.errors["rational"]).x

    def _telling(self) -> list[Prediction]:
        return [p for p in self._present() if p.expected >= _TELLING * self.largest_difference]

    def trust(self, samples: list[float]) -> Array:
        """By which factor errors are larger than the differences of the approximations next to each sample, (n,)."""
        if self.is_telling():
            self.common = max(p.trust for p in self._telling())
        else:
            # Those before say less of this approximation.
            before = [p.trust for p in self._predictions if p.is_telling]
            self.common = max(before[-_MANY_TELLING:]) ** 0.5 if len(before) >= CHECKS else 1.0
        return np.array([min(self._trust.get(x, self.common), self.common) for x in samples])
