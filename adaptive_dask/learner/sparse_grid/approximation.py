"""What a `SparseGridLearner` knows of its function: the values on its grids, and how well each basis predicts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

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

# The bases are judged again when the number of points has grown by this factor.
JUDGED_AGAIN = 1.15

# Polynomials with an error below this share of the standard deviation converge: radial fits are not tried.
CONVERGED = 5e-3

# Radial fits are judged less often while their error is this many times that of the others.
BEHIND = 1.5

# The bases are judged from this number of points on, for each input.
FIRST_POINTS = 8

# Where the error of polynomials falls with a smaller power of the number of points, local functions are given a chance.
# Below that error, relative to the range of the values, rounding stops it.
SLOW = 0.9
EXACT = 1e-12

# Moments by sampling have an error of this share of the standard deviation. Those of better polynomials are exact.
EXACT_MOMENTS = 1e-3

# The error of the interpolant is estimated by leaving out the last nodes, all but this share.
COARSE = 0.7


class Approximation:
    """The bases with the values at their points, and how well they predict values that they have not seen.

    Parameters
    ----------
    domain : Domain
    basis : "auto", "global" or "local"

    Attributes
    ----------
    grids : dict of str to GridBasis
    on_grid : dict of str to set of tuple of float
        The points of each grid, also those whose values are not finite.
    shares : dict of str to float
        The shares of the next points that each basis gets; ``"radial"`` are scattered points.
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
        self._radial: list[Judged] = []  # as of when the bases were judged
        self._judge_at: float = FIRST_POINTS * domain.ndim
        self._judge_radial_at = 0.0
        self._rebuild_at = 16

    @property
    def is_known(self) -> bool:
        """Whether there are values to interpolate."""
        return bool(self._values) and any(len(grid) for grid in self.grids.values())

    @property
    def scales(self) -> Floats:
        """The ranges of the components of the values."""
        if self._low is None:
            return np.ones(1)
        scales: Floats = np.hypot(*np.abs(np.array([(self._high - self._low).real, (self._high - self._low).imag])))
        return np.where(scales > 0, scales, 1.0)  # also where none is finite

    def take_in(self, results: list[tuple[Point, Values]], pending: Iterable[Point]) -> None:
        """Give the bases new values; `pending` are the points whose values are still to come."""
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
        """Share the points to come between the bases, by how well they will predict with twice as many points."""
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
        """The error of radial fits; as it was before if they were far behind then."""
        count = len(known.x)
        least = min((each.rms for each in self._radial), default=math.inf)
        if count >= self._judge_radial_at or least < BEHIND * others:
            self._judge_radial_at = 1.5 * count
            self._radial = judge_radial(self._domain, known, self._radial)
            least = min((each.rms for each in self._radial), default=math.inf)
        return least

    def judgements(self) -> list[Judged]:
        """The bases that can be judged, the best first."""
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
        """The basis that predicts best; of those that cannot be judged yet, the one with the most nodes."""
        judged = self.judgements()
        if judged:
            return judged[0]
        name, _ = max(self.grids.items(), key=lambda item: len(item[1]))
        if not self.is_known:
            raise ValueError("There is nothing to interpolate yet: the learner needs more values.")
        return Judged(name, 0, math.inf, math.inf)

    def moments(self) -> tuple[Moments, Floats, Floats]:
        """Moments, and the mean and root mean square of the errors at scattered points."""
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
        """The best interpolant, of values of a shape."""
        best = self.best()
        known = self._all_known()
        if best.basis == "radial":
            u = self._domain.to_unit(known.x)
            usable = np.asarray(np.isfinite(known.values).all(axis=1))
            half = usable.copy()
            half[np.flatnonzero(known.scattered)[::2]] = False
            fine: Evaluate = RadialFit(u[usable], known.values[usable], str(best.kind))
            coarse: Evaluate = RadialFit(u[half], known.values[half], str(best.kind))
        else:
            grid, kind = self.grids[best.basis], int(best.kind)
            fine, coarse = grid.interpolant(kind), grid.interpolant(kind, COARSE)
        return SparseGridInterpolator(self._domain, best.basis, fine, coarse, best.rms * self.scales, shape)

    def get_state(self) -> dict[str, Any]:
        """What does not follow from the values alone."""
        return {
            "judged": (self.shares, self._history, self._radial, self._judge_at, self._judge_radial_at),
            "error_history": self.error_history,
            "leading": {name: grid.leading for name, grid in self.grids.items()},
        }

    def restore(self, state: dict[str, Any], results: list[tuple[Point, Values]]) -> None:
        """Take in all results, with a state instead of judging them."""
        self._judge_at = math.inf
        self.take_in(results, ())
        self.shares, self._history, self._radial, self._judge_at, self._judge_radial_at = state["judged"]
        self.error_history = list(state["error_history"])
        for name, grid in self.grids.items():
            grid.lead(state["leading"][name], self.scales, [])
        self._judged = None


def _nodes(grid: GridBasis, points: Iterable[Point]) -> list[Index]:
    """The nodes of a grid at points, parents first."""
    indices = [index for x in points if (index := grid.index(x)) is not None]
    return sorted(indices, key=lambda index: (len(index), index))
