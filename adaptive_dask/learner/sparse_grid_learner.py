"""SparseGridLearner: smooth functions of many inputs, and what uncertainty quantification asks of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.checked import checked_size
from adaptive_dask.learner.function_pickle import ByValue
from adaptive_dask.learner.settings import Fixed, Setting
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
from adaptive_dask.learner.told_data import Data, ToldData
from adaptive_dask.learner.told_values import checked_amplitude, checked_coordinates


def _as_tuples(bounds: Any) -> tuple[Any, ...]:
    if not hasattr(bounds, "__len__"):
        raise ValueError(f"bounds must have between 1 and 50 entries, one for each input, got {bounds!r}.")
    return tuple(tuple(each) if hasattr(each, "__iter__") else each for each in bounds)


def _checked_rtol(value: Any, name: str) -> float:
    try:
        rtol = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a positive number, got {value!r}.") from None
    if not rtol > 0:
        raise ValueError(f"{name} must be a positive number, got {value!r}.")
    return rtol


def _checked_basis(value: Any, name: str) -> str:
    if value not in ("auto", "global", "local"):
        raise ValueError(f'{name} must be "auto", "global" or "local", got {value!r}.')
    return str(value)


__all__ = ["Estimate", "SparseGridLearner"]

Basis = Literal["auto", "global", "local"]

# Scattered points check what the grids predict: about CHECKS * sqrt(n) of n points.
CHECKS = 1.5

# The bases are judged again when there are so many times more points.
JUDGED_AGAIN = 1.15

# A polynomial whose error is below that share of the standard deviation converges; others are not tried.
CONVERGED = 5e-3

# Radial fits are judged less often while their error is so many times that of others.
BEHIND = 1.5

# So few points say nothing about convergence, for each input.
FIRST_POINTS = 8

# Where the error of polynomials falls with a smaller power of the number of points, local functions are given a chance.
SLOW = 0.9

# Moments by sampling have an error of this share of the standard deviation. Those of better polynomials are exact.
EXACT_MOMENTS = 1e-3

# The error of the interpolant is estimated by leaving out the last nodes, all but this share.
COARSE = 0.7


class Estimate(NamedTuple):
    """A number, or an array of one for each component, with an estimate of its error."""

    value: Any
    error: Any


class SparseGridLearner(BaseLearner):
    """Learns f: ℝ^d → ℝ^M or ℂ^M for 1 ≤ d ≤ 50 by adaptive interpolation on sparse grids.

    Global polynomials on Leja points [1]_ [2]_ come first. A smooth function of ten inputs takes hundreds of points
    where other learners take millions. Scattered points check the predictions. Where polynomials do not converge,
    piecewise linear and quadratic functions on locally refined grids, or radial basis functions, take over.

    Parameters
    ----------
    function : callable
        Takes a tuple of d floats; returns a real or complex number, or an array of them.
    bounds : sequence of (float, float) or frozen `scipy.stats` distributions
        One for each input. With a distribution, points go where the probability is.
    rtol : float, default: 1e-6
        The largest error that is accepted, relative to the range of the values: `done` is true below it.
    basis : "auto", "global" or "local", default: "auto"
        The basis functions; ``"auto"`` takes the ones that predict best.

    Attributes
    ----------
    data : dict, tuple of float → value
    pending_points : set of tuple of float

    Raises
    ------
    ValueError, TypeError
        If an argument makes no sense.

    References
    ----------
    .. [1] Chkifa, Cohen, Schwab, Found. Comput. Math. 14 (2014) 601.
    .. [2] Narayan, Jakeman, SIAM J. Sci. Comput. 36 (2014) A2952.
    """

    data = Data()
    bounds = Fixed(lambda value, name: _as_tuples(value))
    rtol = Setting(lambda value, name: _checked_rtol(value, name))
    basis = Fixed(lambda value, name: _checked_basis(value, name))
    pending_points: set[Point]

    def __init__(
        self, function: Callable[..., Any], bounds: Sequence[Any], *, rtol: float = 1e-6, basis: Basis = "auto"
    ) -> None:
        self.function = function
        self.bounds = bounds
        self.rtol = rtol
        self.basis = basis
        self._domain = Domain(self.bounds)
        self._start_over()

    def _setting_changed(self, name: str) -> None:
        """`rtol` says only when the learner is done."""

    def _start_over(self) -> None:
        """Forget all results and pending points."""
        self._data: ToldData[Point, Any] = ToldData()
        self.pending_points = set()
        self._vdim: int | None = None
        self._shape: tuple[int, ...] = ()
        self._backlog: list[tuple[Point, Values]] = []
        names = ("global", "local") if self.basis == "auto" else (self.basis,)
        self._grids = {name: GridBasis(self._domain, name == "local") for name in names}
        self._values: dict[Point, Values] = {}  # those that were taken in and are finite
        self._on_grid: dict[str, set[Point]] = {name: set() for name in names}
        self._low: Any = None
        self._high: Any = None
        self._credits = dict.fromkeys((*names, "radial"), 0.0)
        self._shares = {names[0]: 1.0}
        self._error_history: list[tuple[int, float]] = []
        self._history: dict[str, list[tuple[int, float]]] = {name: [] for name in self._credits}
        self._next_scattered = 0
        self._scattered: set[Point] = set()  # pending, and on no grid
        self._known: Known | None = None
        self._judged: list[Judged] | None = None
        self._radial: list[Judged] = []  # as of when the bases were judged
        self._judge_at: float = FIRST_POINTS * self.ndim
        self._judge_radial_at = 0.0
        self._rebuild_at = 16

    # ---- what is known

    @property
    def ndim(self) -> int:
        """The number of inputs, d."""
        return self._domain.ndim

    @property
    def vdim(self) -> int:
        """The number of components of a value; 1 as long as nothing is known."""
        return self._vdim or 1

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return len(self.data)

    @property
    def bbox(self) -> list[tuple[float, float]]:
        """The lower and upper end of each input; of one without ends, those between which points lie."""
        return [axis.extent for axis in self._domain.axes]

    @property
    def is_known(self) -> bool:
        """Whether there is enough data for `interpolator`."""
        self._absorb()
        return bool(self._values) and any(len(grid) for grid in self._grids.values())

    @property
    def error_history(self) -> list[tuple[int, float]]:
        """Numbers of points with the estimated root mean square errors, relative to the range of the values."""
        self._absorb()
        return list(self._error_history)

    def slices(self, positions: Any) -> Any:
        """The function along each input through the centre of the domain.

        Parameters
        ----------
        positions : ndarray of shape (n,)
            Shares of the probability below; 0 and 1 are the bounds.

        Returns
        -------
        ndarray of shape (3, d, n, M)
            Coordinates, values, and estimated errors.
        """
        d, n = self.ndim, len(positions)
        u = np.full((d, n, d), 0.5)
        u[range(d), :, range(d)] = positions
        x = self._domain.from_unit(u.reshape(-1, d))
        fit = self.interpolator()
        along = x.reshape(d, n, d)[range(d), :, range(d)]
        values = fit(x).reshape(d, n, self.vdim)
        return np.stack([np.broadcast_to(along[..., None], values.shape), values, fit.error(x).reshape(values.shape)])

    def to_numpy(self) -> Any:
        """The data as an array of shape (npoints, d + M)."""
        if not self.data:
            return np.zeros((0, self.ndim + self.vdim))
        return np.array([(*point, *np.ravel(value)) for point, value in self.data.items()])

    # ---- ask and tell

    def tell(self, x: Sequence[float], y: Any) -> None:
        """Tell the value of the function at a point; a known point changes nothing.

        Raises
        ------
        ValueError, TypeError
            If `x` is not a point, or `y` not a number or an array with as many components as before.
        """
        SparseGridLearner.tell_many(self, [x], [y])

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        """Tell many values in one go; all of them, or none if one is refused."""
        results: list[tuple[Point, Any, Values]] = []
        vdim, shape = self._vdim, self._shape
        for x, y in zip(xs, ys, strict=True):
            point = checked_coordinates(x, self.ndim)
            value = np.asarray(checked_amplitude(y, point))
            if vdim is not None and value.shape != shape:
                raise ValueError(
                    f"The value at {point} must have the shape of the values told before, {shape}, got {value.shape}."
                )
            vdim, shape = value.size, value.shape
            results.append((point, y, value.reshape(-1)))
        self._vdim, self._shape = vdim, shape
        for point, y, components in results:
            self.pending_points.discard(point)
            self._scattered.discard(point)
            if point not in self._data:
                self._data.put(point, y)
                if self._domain.contains(point):
                    self._backlog.append((point, components))

    def tell_pending(self, x: Sequence[float]) -> None:
        """Tell that a point is being evaluated, so that it is not proposed again."""
        point = checked_coordinates(x, self.ndim)
        if point not in self.data:
            self.pending_points.add(point)
            for grid in self._grids.values():
                index = grid.index(point)
                if index is not None:
                    grid.frontier.note(index, None)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self.pending_points.clear()
        self._absorb()
        self._scattered.clear()
        self._next_scattered = 0
        for grid in self._grids.values():
            grid.rebuild_frontier(self._scales, [])

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next points to evaluate.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of tuple of float
        loss_improvements : list of float
            What each point is expected to contribute, relative to the range of the values.
        """
        n = checked_size(n)
        self._absorb()
        before = None
        if not tell_pending:
            before = (
                set(self.pending_points),
                dict(self._credits),
                self._next_scattered,
                set(self._scattered),
                {name: grid.frontier.copy() for name, grid in self._grids.items()},
            )
        points: list[Point] = []
        gains: list[float] = []
        while len(points) < n:
            point, gain = self._choose()
            self.pending_points.add(point)
            points.append(point)
            gains.append(gain)
        if before is not None:
            self.pending_points, self._credits, self._next_scattered, self._scattered, frontiers = before
            for name, frontier in frontiers.items():
                self._grids[name].frontier = frontier
        return points, gains

    def _choose(self) -> tuple[Point, float]:
        count = len(self.data) + len(self.pending_points)
        checks = len(self.data) - sum(map(len, self._on_grid.values())) + len(self._scattered)
        if count and checks < CHECKS * math.sqrt(count):
            return self._choose_scattered()
        for name, share in self._shares.items():
            self._credits[name] += share
        for name in sorted(self._shares, key=lambda each: -self._credits[each]):
            self._credits[name] -= 1.0
            while name in self._grids:
                chosen = self._grids[name].frontier.choose()
                if chosen is None:
                    break
                index, gain = chosen
                point = self._grids[name].point(index)
                if point not in self.data and point not in self.pending_points:
                    return point, gain
            else:
                break
        return self._choose_scattered()

    def _choose_scattered(self) -> tuple[Point, float]:
        while True:
            point = self._domain.scattered(self._next_scattered)
            self._next_scattered += 1
            if point not in self.data and point not in self.pending_points:
                self._scattered.add(point)
                return point, 0.0

    # ---- taking in what was told

    @property
    def _scales(self) -> Floats:
        if self._low is None:
            return np.ones(self.vdim)
        scales: Floats = np.hypot(*np.abs(np.array([(self._high - self._low).real, (self._high - self._low).imag])))
        return np.where(scales > 0, scales, 1.0)  # also where none is finite

    def _pending_nodes(self, grid: GridBasis) -> list[Index]:
        """The pending nodes of a grid, parents first."""
        indices = [index for x in self.pending_points if (index := grid.index(x)) is not None]
        return sorted(indices, key=lambda index: (len(index), index))

    def _absorb(self) -> None:
        """Give the bases all values that were told since the last call."""
        if not self._backlog:
            return
        backlog, self._backlog = self._backlog, []
        self._known = self._judged = None
        for point, value in backlog:
            if np.isfinite(value).any():
                self._values[point] = value
                self._widen(value)
        scales = self._scales
        for point, value in backlog:
            for name, grid in self._grids.items():
                index = grid.index(point)
                if index is not None:
                    self._on_grid[name].add(point)
                    grid.tell(index, value, scales)
        if len(self._values) >= self._rebuild_at:
            self._rebuild_at = 2 * len(self._values)
            for grid in self._grids.values():
                grid.rebuild_frontier(scales, self._pending_nodes(grid))
        self._judge_when_due()

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
                np.array(points).reshape(-1, self.ndim),
                np.array(list(self._values.values())).reshape(len(points), -1),
                self._scales,
                {name: np.array([p in on for p in points], dtype=bool) for name, on in self._on_grid.items()},
            )
        return self._known

    # ---- errors

    def _judge_when_due(self) -> None:
        """Share the points to come between the bases, by how well they will predict with twice as many points."""
        count = len(self._values)
        if count < self._judge_at:
            return
        self._judge_at = math.ceil(count * JUDGED_AGAIN) + 1
        known = self._all_known()
        judged = {name: judge_grid(name, grid, known) for name, grid in self._grids.items()}
        for name, each in judged.items():
            if each:
                grid = self._grids[name]
                grid.lead(int(preferred(each).kind), self._scales, self._pending_nodes(grid))
        errors = {name: min((j.rms for j in each), default=math.inf) for name, each in judged.items()}
        self._error_history.append((count, min(errors.values())))
        if self.basis != "auto":
            return
        if errors["global"] > CONVERGED * known.spread:
            errors["radial"] = self._radial_error(known, min(errors.values()))
        expected = {}
        for name, error in errors.items():
            size = len(self._grids[name]) if name in self._grids else count
            self._history[name].append((size, error))
            expected[name] = expected_error(self._history[name], size + count)
        is_slow = convergence_rate(self._history["global"]) < SLOW
        trial = self.ndim + count // (3 if is_slow else 16)
        self._shares = share_points(expected, known.spread, len(self._grids["local"]) < trial)

    def _radial_error(self, known: Known, others: float) -> float:
        """The error of radial fits; as it was before if they were far behind then."""
        count = len(known.x)
        least = min((each.rms for each in self._radial), default=math.inf)
        if count >= self._judge_radial_at or least < BEHIND * others:
            self._judge_radial_at = 1.5 * count
            self._radial = judge_radial(self._domain, known, self._radial)
            least = min((each.rms for each in self._radial), default=math.inf)
        return least

    def _judgements(self) -> list[Judged]:
        """The bases that can be judged, the best first."""
        self._absorb()
        if not self._values:
            return []
        if self._judged is None:
            known = self._all_known()
            judged = [each for name, grid in self._grids.items() for each in judge_grid(name, grid, known)]
            if "radial" in self._shares:
                judged += self._radial
            self._judged = sorted(judged, key=lambda each: each.rms)
        return self._judged

    def loss(self, real: bool = True) -> float:
        """Estimated largest error of the interpolant, relative to the range of the values.

        It comes from the errors of predictions at points that the interpolant had not seen: scattered points, and the
        newest nodes. It is infinite until there are enough of them.

        Parameters
        ----------
        real : bool, default: True
            Makes no difference.
        """
        judged = self._judgements()
        return judged[0].largest if judged else math.inf

    def done(self) -> bool:
        """Whether the estimated error is at most `rtol`."""
        return self.loss() <= float(self.rtol)

    # ---- what follows from it

    def interpolator(self) -> SparseGridInterpolator:
        """The function as it is known, as an object that can be pickled and knows no learner.

        Returns
        -------
        callable
            Takes points of shape (n, d), or (n,) with one input; returns values of shape (n,) or (n, M), NaN
            outside of the bounds. ``error(x)`` estimates the error, in the same shape.

        Raises
        ------
        ValueError
            If too little is known.
        """
        best = self._best()
        known = self._all_known()
        if best.basis == "radial":
            u = self._domain.to_unit(known.x)
            usable = np.asarray(np.isfinite(known.values).all(axis=1))
            half = usable.copy()
            half[np.flatnonzero(known.scattered)[::2]] = False
            fine: Evaluate = RadialFit(u[usable], known.values[usable], str(best.kind))
            coarse: Evaluate = RadialFit(u[half], known.values[half], str(best.kind))
        else:
            grid, kind = self._grids[best.basis], int(best.kind)
            fine, coarse = grid.interpolant(kind), grid.interpolant(kind, COARSE)
        return SparseGridInterpolator(self._domain, best.basis, fine, coarse, best.rms * self._scales, self._shape)

    def _best(self) -> Judged:
        judged = self._judgements()
        if judged:
            return judged[0]
        name, grid = max(self._grids.items(), key=lambda item: len(item[1]))
        if not len(grid):
            raise ValueError("There is nothing to interpolate yet: the learner needs more values.")
        return Judged(name, 0, math.inf, math.inf)

    def _moments(self) -> tuple[Moments, Floats, Floats]:
        """Moments, and the mean and root mean square of the errors at scattered points."""
        best, known = self._best(), self._all_known()
        exact = next((j for j in self._judgements() if j.basis == "global" and j.kind == 0), best)
        if exact.rms <= EXACT_MOMENTS * known.spread:
            best = exact
        checks = known.scattered
        rms = best.rms * self._scales
        if best.basis == "global" and best.kind == 0:
            hierarchy = self._grids["global"].hierarchies[0]
            rules = [rule for rule in hierarchy.rules if isinstance(rule, LejaRule)]
            moments = moments_of_polynomials(rules, hierarchy.coefficients)
            if np.count_nonzero(checks) < MIN_CHECKS:
                return moments, np.full(self.vdim, math.inf), rms
            residuals = self._grids["global"].residuals(0, known.x[checks], known.values[checks])
            bias = np.abs(np.nanmean(residuals, axis=0)) + np.nanstd(residuals, axis=0) / math.sqrt(len(residuals))
            return moments, bias, rms
        moments = moments_by_sampling(self._domain, self.interpolator().components)
        bias = rms / math.sqrt(max(1, int(np.count_nonzero(checks)))) + EXACT_MOMENTS * np.sqrt(moments.variance)
        return moments, bias, rms

    def mean(self) -> Estimate:
        """The mean over the bounds, or under the distributions."""
        moments, bias, _ = self._moments()
        return Estimate(self._shaped(moments.mean), self._shaped(bias))

    def integral(self) -> Estimate:
        """The integral over the bounds; inputs with a distribution are averaged over it."""
        mean = self.mean()
        volume = math.prod(axis.high - axis.low for axis in self._domain.axes if axis.distribution is None)
        return Estimate(mean.value * volume, mean.error * volume)

    def variance(self) -> Estimate:
        """The variance over the bounds, or under the distributions."""
        moments, _, rms = self._moments()
        error = 2 * np.sqrt(moments.variance) * rms + rms**2
        return Estimate(self._shaped(moments.variance), self._shaped(error))

    def sobol_indices(self) -> dict[str, Estimate]:
        """The shares of the variance that each input causes.

        Returns
        -------
        dict
            ``"first"``: by itself; ``"total"``: together with others. Each an `Estimate` with arrays of shape (d,) or
            (d, M).
        """
        moments, _, rms = self._moments()
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.minimum(1.0, 2 * rms / np.sqrt(moments.variance))
        errors = self._shaped(np.tile(error, (self.ndim, 1)))
        return {
            "first": Estimate(self._shaped(moments.first), errors),
            "total": Estimate(self._shaped(moments.total), errors),
        }

    def _shaped(self, components: Any) -> Any:
        """An array whose last axis runs over components, in the shape of the function's values."""
        return components.reshape((*components.shape[:-1], *self._shape))[()]

    # ---- copies

    def new(self) -> Self:
        """A learner with the same function and settings and no data."""
        return type(self)(self.function, self.bounds, rtol=self.rtol, basis=self.basis)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "function": ByValue(self.function),
            "bounds": self.bounds,
            "rtol": self.rtol,
            "basis": self.basis,
            "data": self._get_data(),
            "judged": (self._shares, self._history, self._radial, self._judge_at, self._judge_radial_at),
            "error_history": self._error_history,
            "leading": {name: grid.leading for name, grid in self._grids.items()},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["function"], state["bounds"], rtol=state["rtol"], basis=state["basis"])  # type: ignore[misc]
        self._set_data(state["data"])
        self._judge_at = math.inf
        self._absorb()
        self._shares, self._history, self._radial, self._judge_at, self._judge_radial_at = state["judged"]
        self._error_history = list(state["error_history"])
        for name, grid in self._grids.items():
            grid.lead(state["leading"][name], self._scales, [])
        self._judged = None
