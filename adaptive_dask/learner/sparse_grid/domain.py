"""The domain of a sparse grid: bounds or probability distributions, and the coordinates in use."""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

from adaptive_dask.learner.sparse_grid.rules import (
    Floats,
    LejaRule,
    LocalRule,
    Rule,
    leja_rule_of,
    periodic_rule,
    uniform_leja_rule,
)
from adaptive_dask.learner.sparse_grid.whole_numbers import WholeNumbers

# The probability that is omitted at each end of an unbounded distribution if a box is needed.
TAIL = 1e-6


class Axis:
    """One input: an interval, or a frozen distribution of `scipy.stats`.

    Parameters
    ----------
    bounds : (float, float) or frozen distribution
    name : str
        Name of the input, for messages.
    is_whole : bool, default: False
        True if only integers between the bounds are points.
    is_periodic : bool, default: False
        True if the function is periodic.

    Attributes
    ----------
    is_periodic : bool
    whole : WholeNumbers or None
        The numbers ``x - low``.
    low, high : float
        The ends of the support, which may be infinite.
    leja : LejaRule
        The rule in the coordinate ``t = (x - loc) / scale``.
    """

    def __init__(self, bounds: Any, name: str, is_whole: bool = False, is_periodic: bool = False) -> None:
        self.is_periodic = is_periodic
        self.whole: WholeNumbers | None = None
        self.distribution = bounds if hasattr(bounds, "ppf") else None
        if self.distribution is not None:
            self.low, self.high = map(float, self.distribution.support())
            self.loc, self.scale = float(self.distribution.median()), float(self.distribution.std())
            if not (np.isfinite(self.loc) and np.isfinite(self.scale) and self.scale > 0):
                raise ValueError(
                    f"{name} must be a continuous distribution with a finite standard deviation, got {bounds!r}."
                )
            self.leja: LejaRule = leja_rule_of(self.distribution, self.loc, self.scale)
        else:
            try:
                self.low, self.high = map(float, bounds)
            except (TypeError, ValueError):
                raise TypeError(
                    f"{name} must be a pair (lower, upper) or a frozen distribution of scipy.stats, got {bounds!r}."
                ) from None
            if not (np.isfinite([self.low, self.high]).all() and self.low < self.high):
                raise ValueError(f"{name} must be two finite numbers, the lower one first, got {bounds!r}.")
            self.loc, self.scale = self.low + (self.high - self.low) / 2, (self.high - self.low) / 2
            self.whole = WholeNumbers(round(self.high - self.low) + 1) if is_whole else None
            if self.whole is not None:
                self.leja = self.whole.leja_rule()
            else:
                self.leja = periodic_rule() if is_periodic else uniform_leja_rule()
        self._tails = tuple(0.0 if np.isfinite(end) else TAIL for end in (self.low, self.high))
        self._numbers: dict[type[Rule], dict[float, int]] = {LejaRule: {}, LocalRule: {}}
        for k in range(len(self.leja)):
            self._numbers[LejaRule][self.from_standard(self.leja.node(k))] = k

    @property
    def extent(self) -> tuple[float, float]:
        """The ends of the support, or the outermost nodes of `leja` if it is infinite."""
        nodes = [self.from_standard(self.leja.node(k)) for k in range(len(self.leja))]
        low = self.low if np.isfinite(self.low) else float(min(nodes))
        return low, self.high if np.isfinite(self.high) else float(max(nodes))

    def from_standard(self, t: Any) -> Any:
        """Return x for a coordinate t of `leja`."""
        x = self.loc + self.scale * t
        return np.clip(x if self.whole is None else np.rint(x), self.low, self.high)[()]

    def to_standard(self, x: Floats) -> Floats:
        return (x - self.loc) / self.scale

    def from_unit(self, u: Any) -> Any:
        """Return the quantile x of the probability u, without the tails."""
        if self.whole is not None:
            return np.clip(self.low + self.whole.at(u), self.low, self.high)[()]
        if self.distribution is None:
            return np.clip(self.low + (self.high - self.low) * u, self.low, self.high)[()]
        left, right = self._tails
        return self.distribution.ppf(left + (1 - left - right) * np.asarray(u))[()]

    def to_unit(self, x: Floats) -> Floats:
        if self.whole is not None:
            return self.whole.to_places(x - self.low)
        if self.distribution is None:
            return (x - self.low) / (self.high - self.low)
        left, right = self._tails
        return np.asarray(np.clip((self.distribution.cdf(x) - left) / (1 - left - right), 0.0, 1.0))

    def coordinate(self, rule: Rule, k: int) -> float:
        """Return x for a node of a rule."""
        t = rule.node(k)
        return float(self.from_standard(t) if isinstance(rule, LejaRule) else self.from_unit((t + 1) / 2))

    def number(self, rule: Rule, x: float) -> int | None:
        """Return the node of a rule at x, or None."""
        is_leja = isinstance(rule, LejaRule)
        numbers = self._numbers[LejaRule if is_leja else LocalRule]
        if x in numbers or is_leja:
            return numbers.get(x)
        t = 2 * float(self.to_unit(np.array([x]))[0]) - 1
        assert isinstance(rule, LocalRule)
        for k in rule.nodes_near(t):
            if self.coordinate(rule, k) == x:
                numbers[x] = k
                return k
        return None


class Domain:
    """All axes.

    Parameters
    ----------
    bounds : sequence
        The bounds of each axis; see `Axis`.
    whole : sequence of bool, optional
        True for axes with integers only.
    periodic : sequence of bool, optional
        True for axes along which the function is periodic.
    """

    def __init__(self, bounds: Sequence[Any], whole: Sequence[bool] = (), periodic: Sequence[bool] = ()) -> None:
        if not isinstance(bounds, Sized) or not 1 <= len(bounds) <= 50:
            raise ValueError(f"bounds must have between 1 and 50 entries, one for each input, got {bounds!r}.")
        whole, periodic = (each or [False] * len(bounds) for each in (whole, periodic))
        self.axes = [Axis(each, f"bounds[{i}]", whole[i], periodic[i]) for i, each in enumerate(bounds)]
        self.ndim = len(self.axes)
        # imports scipy.stats, which takes a second, now instead of in a call of ask
        self._sequence = self.from_unit(unit_sequence(self.ndim, 64))

    def contains(self, point: Sequence[float]) -> bool:
        return all(axis.low <= x <= axis.high for axis, x in zip(self.axes, point, strict=True))

    def to_standard(self, x: Floats) -> Floats:
        """Return coordinates of the global basis; shapes (n, d)."""
        return np.stack([axis.to_standard(x[:, i]) for i, axis in enumerate(self.axes)], axis=1)

    def to_unit(self, x: Floats) -> Floats:
        """Return coordinates in the unit cube, in which the probability is uniform; shapes (n, d)."""
        return np.stack([axis.to_unit(x[:, i]) for i, axis in enumerate(self.axes)], axis=1)

    def from_unit(self, u: Floats) -> Floats:
        return np.stack([np.asarray(axis.from_unit(u[:, i])) for i, axis in enumerate(self.axes)], axis=1)

    def scattered(self, number: int) -> tuple[float, ...]:
        """Return a point of a low-discrepancy sequence of distinct points that fills the domain."""
        while number >= len(self._sequence):
            self._sequence = self.from_unit(unit_sequence(self.ndim, 2 * len(self._sequence)))
        return tuple(map(float, self._sequence[number]))


def unit_sequence(ndim: int, size: int) -> Floats:
    """Return the first points of a fixed scrambled Sobol sequence; shape (size, ndim)."""
    from scipy.stats import qmc

    sobol = qmc.Sobol(ndim, scramble=True, bits=50, seed=np.random.default_rng(0))
    points: Floats = sobol.random_base2(max(0, math.ceil(math.log2(size))))
    return points[:size]
