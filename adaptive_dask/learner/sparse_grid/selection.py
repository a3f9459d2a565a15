"""The choice of the basis with the smallest errors, at points that were not used."""

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

# A radial fit is judged at every n-th of the points that are on no grid, which are omitted from the fit.
HELD_OUT = 4

# The number of points at which radial fits are judged, and of neighbours of each, which takes less than 0.1 s.
MAX_HELD_OUT = 32
NEIGHBORS_WHEN_JUDGED = 100

# The number of points with extreme values at which radial fits are judged as well, because few points are on a narrow
# peak.
EXTREMES = 2

# The minimum number of points for an estimate of errors.
MIN_CHECKS = 5

# The largest of a few errors underestimates the largest everywhere. The tail of the distribution of errors is therefore
# extrapolated to this number of points, with an exponent from the largest quarter. The exponent from n errors is
# multiplied by n / (n + TAIL_PRIOR), because few errors determine it poorly.
TAIL_POINTS = 1000
TAIL_SHARE = 0.25
TAIL_PRIOR = 20
MAX_TAIL_EXPONENT = 0.7

# The maximum extrapolated error, relative to the range of the values.
MAX_EXTRAPOLATED = 1.0

# The share of the newest nodes whose prediction errors count, and their minimum number.
NEWEST_SHARE = 0.03
MIN_NEWEST = 3

# The rounding errors of an interpolant, relative to the range of the values.
ROUNDING = 8 * float(np.finfo(float).eps)

# The share of the best basis; bases that may become better share the rest.
SHARE_OF_BEST = 0.75
MAY_OVERTAKE = 4.0

# The minimum share of polynomials, whose error can be large for a long time before it decreases fast.
LEAST_OF_GLOBAL = 0.15

# Another basis must be better by this factor to replace polynomials, whose convergence accelerates.
PREFERENCE = 0.5

# If no basis is much better than a constant, most points fill the domain; if no basis is good, the local one is tried.
HOPELESS = 0.3
UNCONVERGED = 0.05


class Judged(NamedTuple):
    """The errors of a basis, relative to the ranges of the values.

    Attributes
    ----------
    basis : "global", "local" or "radial"
    kind : int or str
        The interpolant of a `GridBasis`, or the kernel.
    rms, largest : float
    """

    basis: str
    kind: int | str
    rms: float
    largest: float


@dataclass
class Known:
    """The data at all points with finite values.

    Attributes
    ----------
    x : ndarray of shape (n, d)
    values : ndarray of shape (n, m)
    scales : ndarray of shape (m,)
    on_grid : dict of str to ndarray of bool, shape (n,)
        True if the point is a node of the interpolant of the grid.
    """

    x: Floats
    values: Values
    scales: Floats
    on_grid: dict[str, np.ndarray]

    @property
    def scattered(self) -> np.ndarray:
        """True for points that are on no grid."""
        return np.asarray(~np.any(list(self.on_grid.values()), axis=0))

    @property
    def spread(self) -> float:
        """The largest standard deviation of a component at scattered points, relative to its range."""
        values = self.values[self.scattered] / self.scales
        spreads = [float(np.nanstd(each)) for each in values.T if np.isfinite(each).any()]
        return max(spreads, default=1.0)


def judge_grid(name: str, basis: GridBasis, known: Known) -> list[Judged]:
    """Return the errors of a grid's interpolants, at the points that are on no grid and at their newest nodes."""
    checks = known.scattered
    if len(basis) < 2 or np.count_nonzero(checks) < MIN_CHECKS:
        return []
    judged: list[Judged] = []
    for kind in basis.kinds:
        residuals = basis.residuals(kind, known.x[checks], known.values[checks]) / known.scales
        newest = np.abs(basis.newest(kind, max(MIN_NEWEST, int(NEWEST_SHARE * len(basis))))) / known.scales
        largest = max(_largest(residuals), float(np.nanmax(newest, initial=0.0)))
        if not basis.is_plain(kind):
            # an error of logarithms has the largest effect where the function is largest
            values = known.values / known.scales
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # for values that are almost 0
                relative = residuals / values[checks]
            largest = max(largest, _rms(relative) * float(np.nanmax(np.abs(values))))
        judged.append(Judged(name, kind, _rms(residuals), largest))
    return judged


def judge_radial(domain: Domain, known: Known, last: Sequence[Judged]) -> list[Judged]:
    """Return the errors of radial fits at held-out points; for many points, only with the last best kernel."""
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
    """Return the best interpolant of a basis; only a much better one is chosen instead of the first."""
    best = min(judged, key=lambda each: each.rms)
    return best if best.rms < PREFERENCE * judged[0].rms else judged[0]


def expected_error(history: Sequence[tuple[int, float]], size: int) -> float:
    """Extrapolate the error to `size` points, with the rate since half of the present number.

    Parameters
    ----------
    history : sequence of (int, float)
        Numbers of points, ascending, and the corresponding errors.
    """
    now, error = history[-1]
    rate = convergence_rate(history)
    return error * (size / now) ** -max(0.0, rate) if math.isfinite(rate) else error


def convergence_rate(history: Sequence[tuple[int, float]]) -> float:
    """Return the exponent with which the error decreases with the number of points; infinite without enough data."""
    now, error = history[-1]
    before = [(then, old) for then, old in history if 0 < then <= 0.6 * now and 0 < old < math.inf]
    if not before or not 0 < error < math.inf:
        return math.inf
    then, old = before[-1]
    return math.log(old / error) / math.log(now / then)


def share_points(
    expected: Mapping[str, float], spread: float, is_slow: bool, is_local_untried: bool
) -> dict[str, float]:
    """Return the share of the next points for each basis.

    Parameters
    ----------
    expected : mapping of str to float
        The expected error of each basis.
    spread : float
        The error of a constant.
    is_slow : bool
        True if the error of polynomials decreases slowly.
    is_local_untried : bool
        True if the local basis had too few points to be judged.
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
    """Estimate the largest error anywhere from the tail of errors at some points, shape (n, m) [1]_.

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
    """Return the largest root mean square of a component; components without finite values are omitted."""
    with np.errstate(over="ignore"):
        squares = [np.abs(each[np.isfinite(each)]) ** 2 for each in residuals.T]
        return math.sqrt(max((float(each.mean()) for each in squares if len(each)), default=math.inf))
