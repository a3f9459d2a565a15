"""The data of a `SparseGridLearner`: the values on its grids, and the prediction errors of the bases."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from adaptive_dask.learner.across_seams import AcrossSeams
from adaptive_dask.learner.sparse_grid.bases import Evaluate, GridBasis, Point
from adaptive_dask.learner.sparse_grid.domain import Domain
from adaptive_dask.learner.sparse_grid.hierarchy import Index, Values
from adaptive_dask.learner.sparse_grid.interpolator import SparseGridInterpolator
from adaptive_dask.learner.sparse_grid.moments import Moments, moments_by_sampling, moments_of_polynomials
from adaptive_dask.learner.sparse_grid.radial import RadialFit
from adaptive_dask.learner.sparse_grid.rules import Floats, LejaRule
from adaptive_dask.learner.sparse_grid.selection import (
    MIN_CHECKS,
    Judged,
    Known,
    convergence_rate,
    expected_error,
    judge_grid,
    judge_radial,
    preferred,
    share_points,
)

# The bases are compared again when the number of points has grown by this factor.
JUDGED_AGAIN = 1.15

# Polynomials with an error below this share of the standard deviation converge, and radial fits are not tried.
CONVERGED = 5e-3

# Radial fits are judged less often while their error is larger than that of the others by this factor.
BEHIND = 1.5

# The number of points per input from which the bases are compared.
FIRST_POINTS = 8

# If the error of polynomials decreases with a smaller power of the number of points, local functions are tried. Below
# this error, relative to the range of the values, rounding prevents a decrease.
SLOW = 0.9
EXACT = 1e-12

# The error of moments by sampling, as a share of the standard deviation. Those of better polynomials are exact.
EXACT_MOMENTS = 1e-3

# Radial fits use points beyond the seams of up to this number of periodic axes; each can double the number of points.
MAX_SEAMS = 3

# The error of the interpolant is estimated with this share of the nodes, the first ones.
COARSE = 0.7


class Approximation:
    """The bases with the values at their points, and their errors at other points.

    Parameters
    ----------
    domain : Domain
    basis : "auto", "global" or "local"

    Attributes
    ----------
    grids : dict of str to GridBasis
    on_grid : dict of str to set of tuple of float
        The points of each grid, including those with values that are not finite.
    shares : dict of str to float
        The share of the next points for each basis; ``"radial"`` are scattered points.
    error_history : list of (int, float)
        Numbers of points, and the root mean square errors relative to the range of the values.
    """

    def __init__(self, domain: Domain, basis: str) -> None:
        names = ("global", "local") if basis == "auto" else (basis,)
        self._domain = domain
        self._is_auto = basis == "auto"
        self.grids = {name: GridBasis(domain, name == "local") for name in names}
        self.on_grid: dict[str, set[Point]] = {name: set() for name in names}
        self.shares = {names[0]: 1.0}
        self.error_history: list[tuple[int, float]] = []
        self._values: dict[Point, Values] = {}  # the finite ones
        self._low: Any = None
        self._high: Any = None
        self._history: dict[str, list[tuple[int, float]]] = {name: [] for name in (*names, "radial")}
        self._known: Known | None = None
        self._judged: list[Judged] | None = None
        self._radial: list[Judged] = []  # at the last comparison of the bases
        self._judge_at: float = FIRST_POINTS * domain.ndim
        self._judge_radial_at = 0.0
        self._rebuild_at = 16

    @property
    def is_known(self) -> bool:
        """True if there are values to interpolate."""
        return bool(self._values) and any(len(grid) for grid in self.grids.values())

    @property
    def scales(self) -> Floats:
        """The ranges of the components of the values."""
        if self._low is None:
            return np.ones(1)
        with np.errstate(over="ignore"):  # the range of finite values may be infinite
            spread = self._high - self._low
            scales: Floats = np.hypot(spread.real, spread.imag)
        return np.where(scales > 0, scales, 1.0)  # for components without finite values as well

    @property
    def until_judged(self) -> float:
        """The number of values until the bases are compared again."""
        return max(1, self._judge_at - len(self._values))

    def take_in(self, results: list[tuple[Point, Values]], pending: Iterable[Point]) -> None:
        """Add new values to the bases; `pending` are the points without values."""
        self._known = self._judged = None
        for point, value in results:
            if np.isfinite(value).any():
                self._values[point] = value
                self._widen(value)
        scales = self.scales
        for point, value in results:
            for name, grid in self.grids.items():
                index = grid.index(point)
                if index is not None:
                    self.on_grid[name].add(point)
                    grid.tell(index, value, scales)
        if len(self._values) >= self._rebuild_at:
            self._rebuild_at = 2 * len(self._values)
            for grid in self.grids.values():
                grid.rebuild_frontier(scales, _nodes(grid, pending))
        self._judge_when_due(pending)

    def _widen(self, value: Values) -> None:
        if self._low is None:
            self._low = np.full(value.shape, np.nan * (1 + 1j))
            self._high = self._low.copy()
        low, high = self._low, self._high
        value = np.where(np.isfinite(value), value, np.nan * (1 + 1j))
        low.real, low.imag = np.fmin(low.real, value.real), np.fmin(low.imag, value.imag)
        high.real, high.imag = np.fmax(high.real, value.real), np.fmax(high.imag, value.imag)

    def _all_known(self) -> Known:
        if self._known is None:
            points = list(self._values)
            self._known = Known(
                np.array(points).reshape(-1, self._domain.ndim),
                np.array(list(self._values.values())).reshape(len(points), -1),
                self.scales,
                {name: np.array([p in on for p in points], dtype=bool) for name, on in self.on_grid.items()},
            )
        return self._known

    def _judge_when_due(self, pending: Iterable[Point]) -> None:
        """Share the next points between the bases, by their expected errors with twice the number of points."""
        count = len(self._values)
        if count < self._judge_at:
            return
        self._judge_at = math.ceil(count * JUDGED_AGAIN) + 1
        known = self._all_known()
        judged = {name: judge_grid(name, grid, known) for name, grid in self.grids.items()}
        for name, each in judged.items():
            if each:
                grid = self.grids[name]
                grid.lead(int(preferred(each).kind), self.scales, _nodes(grid, pending))
        errors = {name: min((j.rms for j in each), default=math.inf) for name, each in judged.items()}
        self.error_history.append((count, min(errors.values())))
        if not self._is_auto:
            return
        if errors["global"] > CONVERGED * known.spread:
            errors["radial"] = self._radial_error(known, min(errors.values()))
        expected = {}
        for name, error in errors.items():
            size = len(self.grids[name]) if name in self.grids else count
            self._history[name].append((size, error))
            expected[name] = expected_error(self._history[name], size + count)
        is_slow = errors["global"] > EXACT and convergence_rate(self._history["global"]) < SLOW
        trial = self._domain.ndim + count // (3 if is_slow else 16)
        self.shares = share_points(expected, known.spread, is_slow, len(self.grids["local"]) < trial)

    def _radial_error(self, known: Known, others: float) -> float:
        """Return the error of radial fits, or the last one if it was far larger than that of the others."""
        count = len(known.x)
        least = min((each.rms for each in self._radial), default=math.inf)
        if count >= self._judge_radial_at or least < BEHIND * others:
            self._judge_radial_at = 1.5 * count
            self._radial = judge_radial(self._domain, known, self._radial)
            least = min((each.rms for each in self._radial), default=math.inf)
        return least

    def judgements(self) -> list[Judged]:
        """Return the bases that can be judged, with the best first."""
        if not self._values:
            return []
        if self._judged is None:
            known = self._all_known()
            judged = [each for name, grid in self.grids.items() for each in judge_grid(name, grid, known)]
            if "radial" in self.shares:
                judged += self._radial
            self._judged = sorted(judged, key=lambda each: each.rms)
        return self._judged

    def best(self) -> Judged:
        """Return the basis with the smallest error or, before errors are known, with the most nodes."""
        judged = self.judgements()
        if judged:
            return judged[0]
        name, _ = max(self.grids.items(), key=lambda item: len(item[1]))
        if not self.is_known:
            raise ValueError("The learner needs more values before they can be interpolated.")
        return Judged(name, 0, math.inf, math.inf)

    def moments(self) -> tuple[Moments, Floats, Floats]:
        """Return the moments, and the mean and root mean square of the errors at scattered points."""
        best, known = self.best(), self._all_known()
        exact = next((j for j in self.judgements() if j.basis == "global" and j.kind == 0), best)
        if exact.rms <= EXACT_MOMENTS * known.spread:
            best = exact
        checks = known.scattered
        rms = best.rms * self.scales
        if best.basis == "global" and best.kind == 0:
            hierarchy = self.grids["global"].hierarchies[0]
            rules = [rule for rule in hierarchy.rules if isinstance(rule, LejaRule)]
            moments = moments_of_polynomials(rules, hierarchy.coefficients)
            if np.count_nonzero(checks) < MIN_CHECKS:
                return moments, np.full(len(rms), math.inf), rms
            residuals = self.grids["global"].residuals(0, known.x[checks], known.values[checks])
            bias = np.abs(np.nanmean(residuals, axis=0)) + np.nanstd(residuals, axis=0) / math.sqrt(len(residuals))
            return moments, bias, rms
        moments = moments_by_sampling(self._domain, self.interpolator(()).components)
        bias = rms / math.sqrt(max(1, int(np.count_nonzero(checks)))) + EXACT_MOMENTS * np.sqrt(moments.variance)
        return moments, bias, rms

    def interpolator(self, shape: tuple[int, ...]) -> SparseGridInterpolator:
        """Return the best interpolant, for values of this shape."""
        best = self.best()
        known = self._all_known()
        if best.basis == "radial":
            u = self._domain.to_unit(known.x)
            usable = np.asarray(np.isfinite(known.values).all(axis=1))
            half = usable.copy()
            half[np.flatnonzero(known.scattered)[::2]] = False
            fine = self._radial_fit(u[usable], known.values[usable], str(best.kind))
            coarse = self._radial_fit(u[half], known.values[half], str(best.kind))
        else:
            grid, kind = self.grids[best.basis], int(best.kind)
            fine, coarse = grid.interpolant(kind), grid.interpolant(kind, COARSE)
        return SparseGridInterpolator(self._domain, best.basis, fine, coarse, best.rms * self.scales, shape)

    def _radial_fit(self, u: Floats, values: Values, kernel: str) -> Evaluate:
        periodic = [axis.is_periodic for axis in self._domain.axes]
        if 0 < sum(periodic) <= MAX_SEAMS:
            return AcrossSeams(partial(RadialFit, kernel=kernel), u, values, [(0.0, 1.0)] * u.shape[1], periodic)
        return RadialFit(u, values, kernel)

    def get_state(self) -> dict[str, Any]:
        """Return the state that does not follow from the values."""
        return {
            "judged": (self.shares, self._history, self._radial, self._judge_at, self._judge_radial_at),
            "error_history": self.error_history,
            "leading": {name: grid.leading for name, grid in self.grids.items()},
        }

    def restore(self, state: dict[str, Any], results: list[tuple[Point, Values]]) -> None:
        """Add all results, and restore a state instead of comparing the bases."""
        self._judge_at = math.inf
        self.take_in(results, ())
        self.shares, self._history, self._radial, self._judge_at, self._judge_radial_at = state["judged"]
        self.error_history = list(state["error_history"])
        for name, grid in self.grids.items():
            grid.lead(state["leading"][name], self.scales, [])
        self._judged = None


def _nodes(grid: GridBasis, points: Iterable[Point]) -> list[Index]:
    """Return the nodes of a grid at points, with parents first."""
    indices = [index for x in points if (index := grid.index(x)) is not None]
    return sorted(indices, key=lambda index: (len(index), index))
