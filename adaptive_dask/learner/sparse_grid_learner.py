"""SparseGridLearner: smooth functions of many inputs, and statistics for uncertainty quantification."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Sized
from typing import Any, Literal, NamedTuple

import numpy as np

from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import checked_amplitude, checked_coordinates, checked_size, paired
from adaptive_dask.learner.settings import Fixed, Setting
from adaptive_dask.learner.settings_learner import SettingsLearner
from adaptive_dask.learner.sparse_grid.approximation import Approximation
from adaptive_dask.learner.sparse_grid.bases import Point
from adaptive_dask.learner.sparse_grid.domain import Domain
from adaptive_dask.learner.sparse_grid.hierarchy import Values
from adaptive_dask.learner.sparse_grid.interpolator import SparseGridInterpolator
from adaptive_dask.learner.sparse_grid.next_points import NextPoints
from adaptive_dask.learner.told_data import ToldData


def _as_tuples(bounds: Any) -> tuple[Any, ...]:
    has_length = isinstance(bounds, Sized)
    if not has_length:
        raise ValueError(f"bounds must have between 1 and 50 entries, one for each input, got {bounds!r}.")
    return tuple(tuple(each) if isinstance(each, Iterable) else each for each in bounds)


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


class Estimate(NamedTuple):
    """A number, or an array with one for each component, with an estimate of its error."""

    value: Any
    """The estimate."""
    error: Any
    """Estimated error of the value, in its shape."""


class SparseGridLearner(SettingsLearner):
    """Learns f: ℝ^d → ℝ^M or ℂ^M for 1 ≤ d ≤ 50 by adaptive interpolation on sparse grids.

    It begins with global polynomials on Leja points [1]_ [2]_. A smooth function of ten inputs takes hundreds of
    points, where other learners take millions. Scattered points check the predictions. If polynomials do not converge,
    piecewise linear and quadratic functions on locally refined grids, or radial basis functions, are used.

    Parameters
    ----------
    function : callable
        Takes a tuple of d floats; returns a real or complex number, or an array of them.
    bounds : sequence of (float, float) or frozen `scipy.stats` distributions, or Space
        One for each input. With a distribution, points follow its probability.
    rtol : float, default: 1e-6
        The accepted error, relative to the range of the values: `done` is true below it.
    basis : "auto", "global" or "local", default: "auto"
        The basis functions; ``"auto"`` selects the ones with the best predictions.

    Attributes
    ----------
    data : dict, tuple of float → value
    pending_points : set of tuple of float

    Raises
    ------
    ValueError, TypeError
        If an argument is invalid.

    References
    ----------
    .. [1] Chkifa, Cohen, Schwab, Found. Comput. Math. 14 (2014) 601.
    .. [2] Narayan, Jakeman, SIAM J. Sci. Comput. 36 (2014) A2952.
    """

    bounds = Fixed(lambda value, name: _as_tuples(value))
    rtol = Setting(lambda value, name: _checked_rtol(value, name))
    basis = Fixed(lambda value, name: _checked_basis(value, name))
    pending_points: set[Point]

    def __init__(
        self, function: Callable[..., Any], bounds: Sequence[Any] | Space, *, rtol: float = 1e-6, basis: Basis = "auto"
    ) -> None:
        self.function = function
        self.bounds = bounds
        self.rtol = rtol
        self.basis = basis
        self._domain = Domain(self.bounds)
        self._start_over()

    def _settings(self) -> dict[str, Any]:
        return {"bounds": self.bounds, "rtol": self.rtol, "basis": self.basis}

    def _setting_changed(self, name: str) -> None:
        if name in ("_whole", "_periodic"):
            self._domain = Domain(self.bounds, self._whole, self._periodic)
            self._start_over()

    def _start_over(self) -> None:
        """Forget all results and pending points."""
        self._data: ToldData[Point, Any] = ToldData()
        self.pending_points = set()
        self._vdim: int | None = None
        self._shape: tuple[int, ...] = ()
        self._backlog: list[tuple[Point, Values]] = []
        self._known = Approximation(self._domain, self.basis)
        self._next = NextPoints(self._domain)

    # ---- results

    @property
    def ndim(self) -> int:
        """The number of inputs, d."""
        return self._domain.ndim

    @property
    def vdim(self) -> int:
        """The number of components of a value; 1 without data."""
        return self._vdim or 1

    @property
    def bbox(self) -> list[tuple[float, float]]:
        """The lower and upper bound of each input or, if it is unbounded, the range of its points."""
        return [axis.extent for axis in self._domain.axes]

    @property
    def is_known(self) -> bool:
        """True if there are enough data for `interpolator`."""
        return self._absorb().is_known

    @property
    def error_history(self) -> list[tuple[int, float]]:
        """Numbers of points with the estimated root mean square errors, relative to the range of the values."""
        return list(self._absorb().error_history)

    def slices(self, positions: Any) -> Any:
        """Return the function along each input through the centre of the domain.

        Parameters
        ----------
        positions : ndarray of shape (n,)
            Cumulative probabilities; 0 and 1 are the bounds.

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
        """Return the data as an array of shape (npoints, d + M)."""
        if not self.data:
            return np.zeros((0, self.ndim + self.vdim))
        return np.array([(*point, *np.ravel(value)) for point, value in self.data.items()])

    # ---- ask and tell

    def tell(self, x: Sequence[float], y: Any) -> None:
        """Tell the value of the function at a point; known points are ignored.

        Raises
        ------
        ValueError, TypeError
            If `x` is not a point, or `y` is not a number or an array with as many components as before.
        """
        SparseGridLearner.tell_many(self, [x], [y])

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        """Tell the values at several points; nothing is told if one is refused."""
        results: list[tuple[Point, Any, Values]] = []
        vdim, shape = self._vdim, self._shape
        for x, y in paired(xs, ys):
            point = checked_coordinates(x, self.ndim)
            converted = checked_amplitude(y, point)
            value = np.asarray(converted)
            if vdim is not None and value.shape != shape:
                raise ValueError(
                    f"The value at {point} must have the shape of the values told before, {shape}, got {value.shape}."
                )
            vdim, shape = value.size, value.shape
            results.append((point, converted, value.reshape(-1)))
        self._vdim, self._shape = vdim, shape
        for point, converted, components in results:
            self.pending_points.discard(point)
            self._next.scattered.discard(point)
            if point not in self._data:
                self._data.put(point, converted)
                if self._domain.contains(point):
                    self._backlog.append((point, components))

    def tell_pending(self, x: Sequence[float]) -> None:
        """Mark a point as pending, so that it is not proposed again."""
        point = checked_coordinates(x, self.ndim)
        if point not in self.data:
            self.pending_points.add(point)
            for grid in self._known.grids.values():
                index = grid.index(point)
                if index is not None:
                    grid.frontier.note(index, None)

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self.pending_points.clear()
        self._next.forget_pending()
        known = self._absorb()
        for grid in known.grids.values():
            grid.rebuild_frontier(known.scales, [])

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next points to evaluate.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of tuple of float
            Fewer than n if the domain has no more points.
        loss_improvements : list of float
            The expected contribution of each point, relative to the range of the values.
        """
        n = checked_size(n)
        known = self._absorb()
        before = None
        if not tell_pending:
            frontiers = {name: grid.frontier.copy() for name, grid in known.grids.items()}
            before = set(self.pending_points), self._next.copy(), frontiers
        points: list[Point] = []
        gains: list[float] = []
        while len(points) < n and (chosen := self._next.choose(known, self._data.keys(), self.pending_points)):
            point, gain = chosen
            self.pending_points.add(point)
            points.append(point)
            gains.append(gain)
        if before is not None:
            self.pending_points, self._next, frontiers = before
            for name, frontier in frontiers.items():
                known.grids[name].frontier = frontier
        return points, gains

    def _absorb(self) -> Approximation:
        """Return the approximation, with all values that were told since the last call."""
        if self._backlog:
            backlog, self._backlog = self._backlog, []
            while backlog:  # in parts, so that a copy that follows a run has a history of errors, too
                size = int(min(self._known.until_judged, len(backlog)))
                part, backlog = backlog[:size], backlog[size:]
                self._known.take_in(part, self.pending_points)
        return self._known

    # ---- errors

    def loss(self, real: bool = True) -> float:
        """Return the estimated largest error of the interpolant, relative to the range of the values.

        It is computed from the errors of predictions at points that the interpolant did not include: scattered points
        and the newest nodes. It is infinite until there are enough of them.

        Parameters
        ----------
        real : bool, default: True
            Ignored.
        """
        known = self._absorb()
        if not np.isfinite(known.scales).all():
            return math.inf  # the range of the values does not fit a float, so no error is relative to it
        judged = known.judgements()
        return judged[0].largest if judged else math.inf

    def done(self) -> bool:
        """Return True if the estimated error is at most `rtol`."""
        return self.loss() <= float(self.rtol)

    # ---- interpolation and statistics

    def interpolator(self) -> SparseGridInterpolator:
        """Return an interpolation of the data, as an object that can be pickled and does not refer to the learner.

        Returns
        -------
        callable
            Takes points of shape (n, d), or (n,) with one input; returns values of shape (n,) or (n, M), with NaN
            outside the bounds. ``error(x)`` estimates the error, in the same shape.

        Raises
        ------
        ValueError
            If there are too few data.
        """
        return self._absorb().interpolator(self._shape)

    def mean(self) -> Estimate:
        """Return the mean over the bounds, or under the distributions."""
        moments, bias, _ = self._absorb().moments()
        return Estimate(self._shaped(moments.mean), self._shaped(bias))

    def integral(self) -> Estimate:
        """Return the integral over the bounds; inputs with a distribution, or of whole numbers, are averaged."""
        mean = self.mean()
        axes = [axis for axis in self._domain.axes if axis.distribution is None and axis.whole is None]
        volume = math.prod(axis.high - axis.low for axis in axes)
        return Estimate(mean.value * volume, mean.error * volume)

    def variance(self) -> Estimate:
        """Return the variance over the bounds, or under the distributions."""
        moments, _, rms = self._absorb().moments()
        error = 2 * np.sqrt(moments.variance) * rms + rms**2
        return Estimate(self._shaped(moments.variance), self._shaped(error))

    def sobol_indices(self) -> dict[str, Estimate]:
        """Return the shares of the variance that each input causes.

        Returns
        -------
        dict
            ``"first"``: by itself; ``"total"``: including interactions with others. Each is an `Estimate` with arrays
            of shape (d,) or (d, M).
        """
        moments, _, rms = self._absorb().moments()
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.minimum(1.0, 2 * rms / np.sqrt(moments.variance))
        errors = self._shaped(np.tile(error, (self.ndim, 1)))
        return {
            "first": Estimate(self._shaped(moments.first), errors),
            "total": Estimate(self._shaped(moments.total), errors),
        }

    def _shaped(self, components: Any) -> Any:
        """Reshape the last axis of an array, the components, to the shape of the function's values."""
        return components.reshape((*components.shape[:-1], *self._shape))[()]

    # ---- copies

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | self._absorb().get_state()

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "settings" not in state:  # until 0.1
            settings = {name: state[name] for name in ("bounds", "rtol", "basis")}
            kinds = {f"_{name}": state[name] for name in ("whole", "periodic") if state.get(name)}
            state = {**state, "settings": settings, "adjustments": kinds}
        super().__setstate__(state)
        self._known.restore(state, self._backlog)
        self._backlog = []
