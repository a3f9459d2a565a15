"""Predictions of values before they were known, and the error estimates that follow from them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from adaptive_dask.learner.rational.error_shape import ErrorShape
from adaptive_dask.types import Array

Kind = Literal["rational", "smooth", "linear"]

# An approximation is tested when it predicted this many points, this many of them where its error is large.
CHECKS, _LARGE_CHECKS = 4, 2
# The error is large where it is expected to be at least this fraction of the largest one.
_LARGE = np.log(0.1)
# Number of predictions kept.
_MEMORY = 24
# A check is informative where the approximations differ by this fraction of their largest difference.
_TELLING = 1e-3
_ENOUGH_TELLING, _MANY_TELLING = 3, 6
# Maximum ratio of an error to the difference of the approximations.
_MOST_TRUST = 100.0
# Smaller errors are rounding errors.
_LEAST = 1e-15


@dataclass
class Prediction:
    """The prediction of a value before it was known.

    Attributes
    ----------
    x : float
    errors : dict of Kind to float
        Error of each approximation, relative to the scale of the values.
    expected : float
        Difference of the two approximations of the active kind.
    size : float
        Logarithm of the error of the rational approximation by its `ErrorShape`.
    trust : float
        Ratio of the error to ``expected``.
    is_telling : bool
        Whether the check is informative: ``expected`` is comparable to the largest difference of the approximations.
    """

    x: float
    errors: dict[Kind, float]
    expected: float
    size: float
    trust: float
    is_telling: bool


class Record:
    """The last predictions, and the tests of the current approximation.

    Attributes
    ----------
    checks : int
        Number of values that the current approximation has predicted.
    shape : ErrorShape or None
        Shape of the error of the current rational approximation.
    largest_difference, largest_size : float
        Largest difference of the approximations, and the logarithm of the largest error by ``shape``.
    common : float
        Ratio of the errors to the differences of the approximations.
    """

    def __init__(self, predictions: list[Prediction] | None = None) -> None:
        self._predictions = deque(predictions or [], maxlen=_MEMORY)
        self._trust: dict[float, float] = {}
        self.checks, self._is_tested = 0, False
        self.shape: ErrorShape | None = None
        self.largest_difference, self.largest_size, self.common = 0.0, -np.inf, 1.0

    def predictions(self) -> list[Prediction]:
        """Return the last predictions, including those of earlier approximations."""
        return list(self._predictions)

    def start_over(self, shape: ErrorShape | None) -> None:
        """Reset the checks for a new approximation."""
        self.checks, self.shape, self._is_tested = 0, shape, False

    def add(self, x: float, errors: dict[Kind, float], active: Kind, expected: float, least: float) -> None:
        """Add a prediction at ``x``; errors below ``least`` are rounding errors."""
        trust = min(_MOST_TRUST, max(errors[active], _LEAST) / max(expected, least))
        is_telling = expected >= _TELLING * self.largest_difference
        size = float(self.shape(np.array([x]))[0]) if self.shape else 0.0
        self._predictions.append(Prediction(x, errors, expected, size, trust, is_telling))
        self._trust[x] = trust
        self.checks += 1

    def errors(self, kind: Kind, count: int = _MEMORY) -> list[float]:
        """Return the last errors of a kind of approximation, at most ``count``."""
        return [p.errors[kind] for p in self._predictions if kind in p.errors][-count:]

    def best_kind(self, active: Kind, has_smooth: bool) -> Kind:
        """Return the kind of approximation that predicted the last values best."""
        if len(self._predictions) < 3:
            return "rational"
        best, lowest = active, np.inf
        kinds: tuple[Kind, ...] = ("rational", "smooth", "linear")
        last = self.predictions()[-(3 if active == "linear" else 6) :]
        for kind in kinds:
            errors = [p.errors[kind] for p in last if kind in p.errors]
            if len(errors) < 3 or (kind == "smooth" and not has_smooth):
                continue
            bonus = 0.7 * (kind == active) + 0.7 * (kind != "linear")
            typical = float(np.mean(np.log(np.maximum(errors, 1e-16)))) - bonus
            if typical < lowest:
                best, lowest = kind, typical
        return best

    def _present(self) -> list[Prediction]:
        return self.predictions()[-self.checks :] if self.checks else []

    def is_tested(self, kind: Kind) -> bool:
        """Return whether the current approximation predicted enough values, some of them where its error is large."""
        if self.checks < CHECKS:
            return False
        if not self._is_tested:
            # Do not wait for ever: the value in a gap may be missing, or the gap have no room for one.
            is_complete = self.checks >= _MEMORY or not self.untested_gaps()
            self._is_tested = is_complete and len(self._where_large()) >= _LARGE_CHECKS
        return self._is_tested or kind != "rational"

    def untested_gaps(self) -> list[tuple[float, float, float]]:
        """Return the innermost gaps at singularities, see `innermost_gaps`, in which no value was predicted yet."""
        gaps = self.shape.innermost if self.shape else []
        return [(a, x, b) for a, x, b in gaps if not any(a < p.x < b for p in self._present())]

    def _where_large(self) -> list[Prediction]:
        return [p for p in self._present() if p.size >= self.largest_size + _LARGE]

    def largest_by_shape(self, floor: float) -> float:
        """Return the largest error of the rational approximation, from the errors of its checks above ``floor``."""
        large = self._where_large()
        if large:
            errors = [(p.errors["rational"], p.size) for p in large]
            scaled = [error * np.exp(self.largest_size - size) for error, size in errors if error > floor]
            return float(max(scaled, default=0.0))
        # Until there are any, assume the error of the previous approximation.
        before = self.errors("rational", 2)
        return min(1e3, max(before)) if len(before) == 2 else 1.0

    def is_telling(self) -> bool:
        """Return whether there are enough checks to compare errors with differences of the current approximations."""
        return len(self._telling()) >= _ENOUGH_TELLING

    def worst(self) -> float:
        """Return the point with the largest prediction error of the current rational approximation."""
        return max(self._present(), key=lambda p: p.errors["rational"]).x

    def _telling(self) -> list[Prediction]:
        return [p for p in self._present() if p.expected >= _TELLING * self.largest_difference]

    def trust(self, samples: list[float]) -> Array:
        """Return the ratios of the errors to the differences of the approximations next to each sample, shape (n,)."""
        if self.is_telling():
            self.common = max(p.trust for p in self._telling())
        else:
            # The ratios of earlier approximations are less reliable for this one.
            before = [p.trust for p in self._predictions if p.is_telling]
            self.common = max(before[-_MANY_TELLING:]) ** 0.5 if len(before) >= CHECKS else 1.0
        return np.array([min(self._trust.get(x, self.common), self.common) for x in samples])
