"""Which basis describes the function best, judged at points that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adaptive_dask.learner.sparse_grid.bases import GridBasis
from adaptive_dask.learner.sparse_grid.domain import Domain
from adaptive_dask.learner.sparse_grid.hierarchy import Values
from adaptive_dask.learner.sparse_grid.radial import kernels_for, predict_nearby
from adaptive_dask.learner.sparse_grid.rules import Floats

# Of the points that are on no grid, every so-manieth is left out of a radial fit to judge it.
HELD_OUT = 4

# Radial fits are judged at so many points, and by so many neighbours of each: that takes less than 0.1 s.
MAX_HELD_OUT = 32
NEIGHBORS_WHEN_JUDGED = 100

# Radial fits are also judged at the points with the most extreme values. Few points show how a function with a narrow
# peak looks there.
EXTREMES = 2

# Minimum number of points by which errors are judged.
MIN_CHECKS = 5

# The largest of a few errors is less than the largest everywhere. Beyond it, the tail of the distribution of errors is
# extrapolated to this number of points, with an exponent from the largest quarter. Few errors say little of the
# tail: the exponent is multiplied by n / (n + TAIL_PRIOR).
TAIL_POINTS = 1000
TAIL_SHARE = 0.25
TAIL_PRIOR = 20
MAX_TAIL_EXPONENT = 0.7

# An error is not extrapolated beyond the range of the values.
MAX_EXTRAPOLATED = 1.0

# The newest nodes whose prediction errors count: this share, and no fewer than the smallest number.
NEWEST_SHARE = 0.03
MIN_NEWEST = 3

# Rounding errors of an interpolant, relative to the range of the values.
ROUNDING = 8 * float(np.finfo(float).eps)

# The best basis gets most of the points; those that may overtake it share the rest.
SHARE_OF_BEST = 0.75
MAY_OVERTAKE = 4.0

# Polynomials always get this share: their error can stay large for long before it falls fast.
LEAST_OF_GLOBAL = 0.15

# Polynomials gain speed as they converge, so another basis must be so much better to replace them.
PREFERENCE = 0.5

# Where no basis is much better than a constant, most points fill the domain; where none is good, the local one is
# tried.
HOPELESS = 0.3
UNCONVERGED = 0.05


class Judged(NamedTuple):
    """The errors of a basis, relative to the ranges of the values.

    Attributes
    ----------
    basis : "global", "local" or "radial"
    kind : int or str
        Which interpolant of a `GridBasis`, or which kernel.
    rms, largest : float
    """

    basis: str
    kind: int | str
    rms: float
    largest: float


@dataclass
class Known:
    """What is known of the function at all points with finite values.

    Attributes
    ----------
    x : ndarray of shape (n, d)
    values : ndarray of shape (n, m)
    scales : ndarray of shape (m,)
    on_grid : dict of str to ndarray of bool, shape (n,)
        Whether the interpolant of a grid goes through the point.
    """

    x: Floats
    values: Values
    scales: Floats
    on_grid: dict[str, np.ndarray]

    @property
    def scattered(self) -> np.ndarray:
        """Whether a point is on no grid."""
        return np.asarray(~np.any(list(self.on_grid.values()), axis=0))

    @property
    def spread(self) -> float:
        """The largest standard deviation of a component at scattered points, relative to its range."""
        values = self.values[self.scattered] / self.scales
        spreads = [float(np.nanstd(each)) for each in values.T if np.isfinite(each).any()]
        return max(spreads, default=1.0)


def judge_grid(name: str, basis: GridBasis, known: Known) -> list[Judged]:
    """The errors of a grid's interpolants at the points that are on no grid, and of their newest coefficients."""
    checks = known.scattered
    if len(basis) < 2 or np.count_nonzero(checks) < MIN_CHECKS:
        return []
    judged: list[Judged] = []
    for kind in basis.kinds:
        residuals = basis.residuals(kind, known.x[checks], known.values[checks]) / known.scales
        newest = np.abs(basis.newest(kind, max(MIN_NEWEST, int(NEWEST_SHARE * len(basis))))) / known.scales
        largest = max(_largest(residuals), float(np.nanmax(newest, initial=0.0)))
        if not basis.is_plain(kind):
            # Where a function is largest, logarithms with the same error make the largest one.
            values = known.values / known.scales
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # of values that are almost 0
                relative = residuals / values[checks]
            largest = max(largest, _rms(relative) * float(np.nanmax(np.abs(values))))
        judged.append(Judged(name, kind, _rms(residuals), largest))
    return judged


def judge_radial(domain: Domain, known: Known, last: Sequence[Judged]) -> list[Judged]:
    """The errors of radial fits at held-out points; of many points only with the kernel that was best last."""
    usable = np.isfinite(known.values).all(axis=1)
    scattered = np.flatnonzero(known.scattered & usable)
    held_out = np.zeros(len(known.x), dtype=bool)
    held_out[scattered[:: max(HELD_OUT, math.ceil(len(scattered) / MAX_HELD_OUT))]] = True
    if np.count_nonzero(held_out) < MIN_CHECKS:
        return []
    chosen = held_out.copy()
    scaled = known.values / known.scales
    far = np.where(usable, np.abs(scaled - np.median(scaled[usable], axis=0)).max(axis=1), -1.0)
    held_out[np.argsort(far)[-EXTREMES:]] = True
    u = domain.to_unit(known.x)
    fitted = usable & ~held_out
    judged: list[Judged] = []
    count = min(int(np.count_nonzero(fitted)), NEIGHBORS_WHEN_JUDGED)
    kernels = kernels_for(count, domain.ndim)
    if count == NEIGHBORS_WHEN_JUDGED and last:
        best = str(min(last, key=lambda each: each.rms).kind)
        kernels = [kernel for kernel in kernels if kernel == best] or kernels
    for kernel in kernels:
        predictions = predict_nearby(u[fitted], known.values[fitted], u[held_out], kernel, count)
        residuals = (known.values[held_out] - predictions) / known.scales
        if not np.isfinite(residuals).all():
            continue
        spread_out = residuals[chosen[held_out]]
        largest = max(_largest(spread_out), float(np.max(np.abs(residuals))))
        judged.append(Judged("radial", kernel, _rms(spread_out), largest))
    return judged


def preferred(judged: Sequence[Judged]) -> Judged:
    """The best of a basis's interpolants; another than the first must be much better."""
    best = min(judged, key=lambda each: each.rms)
    return best if best.rms < PREFERENCE * judged[0].rms else judged[0]


def expected_error(history: Sequence[tuple[int, float]], size: int) -> float:
    """The error with `size` points, if it continues to fall as it has since there were half as many.

    Parameters
    ----------
    history : sequence of (int, float)
        Numbers of points, ascending, and the errors with them.
    """
    now, error = history[-1]
    rate = convergence_rate(history)
    return error * (size / now) ** -max(0.0, rate) if math.isfinite(rate) else error


def convergence_rate(history: Sequence[tuple[int, float]]) -> float:
    """The exponent with which the error falls with the number of points; infinite if too little is known."""
    now, error = history[-1]
    before = [(then, old) for then, old in history if 0 < then <= 0.6 * now and 0 < old < math.inf]
    if not before or not 0 < error < math.inf:
        return math.inf
    then, old = before[-1]
    return math.log(old / error) / math.log(now / then)


def share_points(
    expected: Mapping[str, float], spread: float, is_slow: bool, is_local_untried: bool
) -> dict[str, float]:
    """The shares of the next points that each basis gets.

    Parameters
    ----------
    expected : mapping of str to float
        The error that is expected of each basis.
    spread : float
        The error of a constant.
    is_slow : bool
        Whether the error of polynomials falls slowly.
    is_local_untried : bool
        Whether the local basis had too few points to be judged.
    """
    preferred = {name: error * (PREFERENCE if name == "global" else 1.0) for name, error in expected.items()}
    leader = min(preferred, key=lambda name: preferred[name])
    least = preferred[leader]
    if min(expected.values()) > HOPELESS * spread and "radial" in expected:
        return {"global": 0.2, "local": 0.2, "radial": 0.6}
    rivals = {name for name, error in preferred.items() if error <= MAY_OVERTAKE * least and name != leader}
    if is_local_untried and leader != "local" and (is_slow or least > UNCONVERGED * spread):
        rivals.add("local")
    shares = {name: (1 - SHARE_OF_BEST) / len(rivals) for name in sorted(rivals)}
    shares = {leader: SHARE_OF_BEST if rivals else 1.0, **shares}
    if shares.get("global", 0.0) < LEAST_OF_GLOBAL:
        rest = (1 - LEAST_OF_GLOBAL) / (1 - shares.pop("global", 0.0))
        shares = {"global": LEAST_OF_GLOBAL, **{name: rest * share for name, share in shares.items()}}
    return shares


def _largest(residuals: Values) -> float:
    """The largest error to expect anywhere, from errors at some points of shape (n, m), by their tail [1]_.

    References
    ----------
    .. [1] Hill, Ann. Statist. 3 (1975) 1163.
    """
    errors = np.abs(residuals)
    errors = np.sort(np.max(np.where(np.isfinite(errors), errors, 0.0), axis=1))[::-1]
    seen = float(errors[0])
    positive = errors[errors > 0]
    k = max(2, int(TAIL_SHARE * len(positive)))
    if len(positive) <= k:
        return max(seen, ROUNDING)
    exponent = min(float(np.log(positive[:k] / positive[k]).mean()), MAX_TAIL_EXPONENT)
    exponent *= len(errors) / (len(errors) + TAIL_PRIOR)
    beyond = seen * max(1.0, TAIL_POINTS / len(errors)) ** exponent
    return float(max(seen, min(beyond, MAX_EXTRAPOLATED), ROUNDING))


def _rms(residuals: Values) -> float:
    """The largest root mean square of a component; components that are never finite are left out."""
    with np.errstate(over="ignore"):
        squares = [np.abs(each[np.isfinite(each)]) ** 2 for each in residuals.T]
        return math.sqrt(max((float(each.mean()) for each in squares if len(each)), default=math.inf))
