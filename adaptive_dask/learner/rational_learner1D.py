"""RationalLearner1D: learns a smooth function of one real number by rational approximation."""

from __future__ import annotations

import bisect
import math
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import (
    checked_amplitude,
    checked_bounds,
    checked_fraction,
    checked_point,
    checked_size,
    in_shape,
    paired,
)
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.border import Border
from adaptive_dask.learner.rational.breaks import BreakSearch
from adaptive_dask.learner.rational.choice import Gaps, choose
from adaptive_dask.learner.rational.error_shape import ErrorShape
from adaptive_dask.learner.rational.fit import Fit
from adaptive_dask.learner.rational.interpolator import RationalInterpolator
from adaptive_dask.learner.rational.model_poles import ModelPoles
from adaptive_dask.learner.rational.pairs import Pairs
from adaptive_dask.learner.rational.part import Part
from adaptive_dask.learner.rational.pieces import Pieces
from adaptive_dask.learner.rational.record import Prediction, Record
from adaptive_dask.learner.rational.resonances import find_poles, find_zeros
from adaptive_dask.learner.rational.survey import Survey
from adaptive_dask.learner.settings import Setting
from adaptive_dask.learner.settings_learner import SettingsLearner
from adaptive_dask.learner.told_data import ToldData
from adaptive_dask.types import Array

__all__ = ["RationalLearner1D"]

Value = float | complex | Array

# Results that are told together are predicted in portions of this fraction of the known points. With few points, the
# error estimate depends on each prediction, so they are predicted one by one.
_PORTION = 0.25
_SINGLY = 40


class RationalLearner1D(SettingsLearner):
    """Learns a smooth function f: ℝ → ℝ^M or ℂ^M by adaptive rational approximation.

    The error of a rational approximation decreases exponentially with the number of points, while that of the straight
    lines of a `Learner1D` decreases with the square of the number. A spectrum with narrow resonances, a response
    function, or any other smooth function takes a few dozen points for six digits.

    Parameters
    ----------
    function : callable
        Function of a real number that returns a real or complex number, or a vector of M of these. Prefer a complex
        amplitude to its square: it has half as many poles, and no small values that need many digits.
    bounds : pair of float, or Space
        Interval on which to learn the function.
    rtol : float, default: 1e-6
        Target error, relative to the range of the values of each component.

    Attributes
    ----------
    data : mapping, float → float, complex, or array of shape (M,)
        Evaluated points and their values, in the order in which they were told.
    pending_points : set of float
    bounds : pair of float
        Setting it keeps the data.
    rtol : float

    Raises
    ------
    TypeError, ValueError
        If the bounds are not two finite numbers in ascending order, or ``rtol`` is not between 0 and 1.

    Notes
    -----
    The function is approximated by the AAA algorithm [1]_, with support points shared by the components of a vector
    [2]_. New points are placed where a second approximation of lower order differs most, where the error is largest by
    Hermite's formula, and next to poles close to the axis. A fifth of all points goes into the largest gap, to find
    features that the approximation misses. Every value is compared with its prediction. `loss` is the largest of these
    prediction errors, extended by Hermite's formula to the intervals between the samples; it is not the residual of a
    fit. The approximation is computed again only after a wrong prediction, or with many more values. `done` requires
    predictions where the error is expected to be largest.

    The domain is divided at jumps and kinks of the function, and each part is learned separately. Straight lines are
    used where they predict values better than a rational function and a smoothing one. Noise is detected from points
    that are very close to each other; see `noise`.

    Points outside of the bounds, and values that are NaN or infinite, are kept in ``data`` but otherwise ignored.

    References
    ----------
    .. [1] Y. Nakatsukasa, O. Sète and L. N. Trefethen, The AAA algorithm for rational approximation, SIAM J. Sci.
       Comput. 40 (2018) A1494.
    .. [2] P. Lietaert, J. Meerbergen, J. Pérez and B. Vandereycken, Automatic rational approximation and linearization
       of nonlinear eigenvalue problems, IMA J. Numer. Anal. 42 (2022) 1087.

    Examples
    --------
    >>> import numpy as np
    >>> import adaptive_dask as adaptive
    >>> from adaptive_dask.learner.rational_learner1D import RationalLearner1D
    >>> learner = RationalLearner1D(lambda x: 1 / (x - 0.3 + 0.001j), bounds=(-1, 1))
    >>> adaptive.simple(learner, npoints_goal=30)
    >>> learner.poles().round(6)
    array([0.3-0.001j])
    """

    # Fraction of a period by which the interval extends beyond the seam, where values from the other side are told.
    _beyond_seam = 0.125

    bounds = Setting(lambda bounds, name: checked_bounds(bounds))
    rtol = Setting(lambda rtol, name: checked_fraction(rtol, name, one_allowed=False))
    _bounds: tuple[float, float]
    _rtol: float

    def __init__(self, function: Callable[..., Any], bounds: tuple[float, float] | Space, rtol: float = 1e-6) -> None:
        self.function = function
        self.bounds = bounds
        self.rtol = rtol
        self._start_over()

    def _start_over(self) -> None:
        """Forget all results and pending points."""
        self.pending_points: set[float] = set()
        self._data: ToldData[float, Value] = ToldData()
        self._shape: tuple[int, ...] | None = None
        self._pieces = Pieces(self._bounds, self._rtol, self._least_gap)
        self._inside: list[float] = []
        self._missing: list[float] = []
        self._gaps: Gaps | None = None

    @property
    def _least_gap(self) -> float:
        """Minimum length of a gap that can be divided."""
        return 2.0 if any(self._whole) else 0.0

    def _settings(self) -> dict[str, Any]:
        return {"bounds": self.bounds, "rtol": self.rtol}

    def _setting_changed(self, name: str) -> None:
        if name == "bounds":
            self.data = dict(self.data)
        elif name == "rtol":
            self._pieces.tolerance = self._rtol
        else:
            self._gaps = None
            self._pieces.least = self._least_gap  # gaps between neighbouring whole numbers are not divided

    # -- results ---------------------------------------------------------------------------------

    @property
    def vdim(self) -> int:
        """Length of the function's values; 1 for numbers, and before there are data."""
        return math.prod(self._shape or ())

    def loss(self, real: bool = True) -> float:
        """Return the largest expected error, relative to the range of the values.

        It is estimated from predictions of values before they were known, and infinite until there are enough of them.

        Parameters
        ----------
        real : bool, default: True
            Has no effect, because the values at pending points are unknown.
        """
        self._pieces.update()
        loss = float(self._pieces.claim())
        return math.inf if math.isnan(loss) else loss  # of values whose range does not fit a float

    def done(self) -> bool:
        """Return whether several predictions show that the error is below ``rtol``, or at the level of the noise."""
        self._pieces.update()
        return self._pieces.done()

    @property
    def noise(self) -> float | Array:
        """Standard deviation of the noise of the values, in their shape; 0 where none was found."""
        self._pieces.update()
        sigma = self._pieces.noise()
        return sigma.reshape(self._shape) if self._shape else float(sigma.max(initial=0.0))

    def to_numpy(self) -> Array:
        """Return the data as an array of shape (npoints, 1 + vdim), ascending in x; complex if a value is complex."""
        if not self._data:
            return np.empty((0, 1 + self.vdim))
        xs = np.array(list(self._data))
        ys = np.array([np.ravel(y) for y in self._data.values()])
        return np.column_stack((xs, ys))[np.argsort(xs)]

    def interpolator(self) -> RationalInterpolator:
        """Return the approximation as an object that can be evaluated and pickled without the learner.

        Raises
        ------
        ValueError
            If there are no finite values yet.
        """
        self._pieces.update()
        return RationalInterpolator(self.bounds, self._pieces.segments(self._missing), self._shape or ())

    def poles(self, return_uncertainty: bool = False) -> Any:
        """Return the poles of the approximation above and below the interval, ascending in their real parts.

        The poles of a spectrum are its resonances: for a pole at E - iΓ/2, E is the position, and Γ the full width at
        half maximum of the squared amplitude. The poles of a real function are conjugate pairs.

        Parameters
        ----------
        return_uncertainty : bool, default: False

        Returns
        -------
        poles : array of complex, shape (k,)
            Spurious poles are excluded: those that change too much when samples are omitted, and those that a nearby
            zero cancels.
        uncertainty : array of float, shape (k,)
            Only with ``return_uncertainty``: shifts of the poles when samples are omitted.
        """
        found = self._find_poles()
        return (found.at, found.uncertainty) if return_uncertainty else found.at

    def residues(self, return_uncertainty: bool = False) -> Any:
        """Return the residues at `poles`, in the same order.

        Returns
        -------
        residues : array of complex, shape (k,), or (k, M) for vectors
        uncertainty : array of float of the same shape
            Only with ``return_uncertainty``.
        """
        found = self._find_poles()
        residues, uncertainty = found.residues, found.residue_uncertainty
        shape = (len(residues), *(self._shape or ()))
        residues, uncertainty = residues.reshape(shape), uncertainty.reshape(shape)
        return (residues, uncertainty) if return_uncertainty else residues

    def zeros(self, return_uncertainty: bool = False) -> Any:
        """Return the zeros of the approximation on, above and below the interval, ascending in their real parts.

        Returns
        -------
        zeros : array of complex, shape (k,); for vectors a list of M such arrays
        uncertainty : array of float, shape (k,); for vectors a list of M such arrays
            Only with ``return_uncertainty``: shifts of the zeros when samples are omitted.
        """
        self._pieces.update()
        found = [find_zeros(self._pieces.parts, k) for k in range(self.vdim)]
        at, moved = [each[0] for each in found], [each[1] for each in found]
        if not self._shape:
            return (at[0], moved[0]) if return_uncertainty else at[0]
        return (at, moved) if return_uncertainty else at

    def _find_poles(self) -> Any:
        self._pieces.update()
        scale = self._pieces.scale
        return find_poles(self._pieces.parts, scale, lambda part: part.claim(scale))

    # -- ask -------------------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[float], list[float]]:
        """Choose the n points that reduce the error most.

        The bounds come first, then a few evenly distributed points.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. If False, the learner does not change.

        Returns
        -------
        points : list of float
            Fewer than n if there are no more new numbers between the bounds.
        loss_improvements : list of float
            Expected error at each point, relative to the range of the values; infinite at the bounds.
        """
        n = checked_size(n)
        self._pieces.update()
        low, high = self.bounds
        pending = sorted(x for x in self.pending_points if low <= x <= high)
        gaps = self._gaps_with(pending)
        points, errors = choose(self._pieces, gaps if tell_pending else gaps.copy(), pending, n)
        if tell_pending:
            self.pending_points.update(points)
        return points, errors

    def _gaps_with(self, pending: list[float]) -> Gaps:
        """Return the gaps between all points; some may no longer be pending since the last call."""
        count = len(self._inside) + len(pending)
        if self._gaps is None or len(self._gaps.points) != count or not all(x in self._gaps for x in pending):
            width = self.bounds[1] - self.bounds[0]
            self._gaps = Gaps([*self._inside, *pending], width, only_whole=any(self._whole))
        return self._gaps

    def _divide_gap(self, x: float) -> None:
        if self._gaps is not None and self.bounds[0] <= x <= self.bounds[1] and x not in self._gaps:
            self._gaps.add(x)

    def tell_pending(self, x: float) -> None:
        """Mark ``x`` as pending, so that it is not proposed again.

        Nothing happens if it is already pending or known.
        """
        x = checked_point(x)
        if x not in self._data:
            self.pending_points.add(x)
            self._divide_gap(x)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self.pending_points = set()

    # -- tell ------------------------------------------------------------------------------------

    def tell(self, x: float, y: Any) -> None:
        """Add the value ``y`` of the function at ``x``; nothing happens if it is already known.

        Parameters
        ----------
        x : float
            Any finite number, requested or not, inside or outside of the bounds.
        y : float, complex, or sequence of these

        Raises
        ------
        TypeError, ValueError
            If x is not a finite number, or y is not a number or a vector of the same length as earlier values.
        """
        x = checked_point(x)
        value = in_shape(checked_amplitude(y, x), self._shape, x)
        if x not in self._data:
            self._add(x, value)

    def tell_many(self, xs: Iterable[float], ys: Iterable[Any]) -> None:
        """Add the values ``ys`` of the function at ``xs``.

        Raises
        ------
        TypeError, ValueError
            As in `tell`, or if the numbers of values and points differ. Then no value is added.
        """
        results: list[tuple[float, Any]] = []
        shape = self._shape
        for place, y in paired(xs, ys):
            x = checked_point(place)
            value = in_shape(checked_amplitude(y, x), shape, x)
            shape = np.shape(value)
            results.append((x, value))
        portion = 1
        for x, value in results:
            if x in self._data:
                continue
            if portion >= (1 if self.npoints < _SINGLY else _PORTION * self.npoints):
                # Fit the values added so far, to have predictions for the rest.
                self._pieces.update()
                portion = 0
            self._add(x, value)
            portion += 1

    def _add(self, x: float, value: Value) -> None:
        self.pending_points.discard(x)
        self._data.put(x, value)
        self._shape = np.shape(value)
        if not self.bounds[0] <= x <= self.bounds[1]:
            return
        bisect.insort(self._inside, x)
        self._divide_gap(x)
        self._pieces.reach(x)
        y = np.ravel(value)
        if np.isfinite(y).all():
            self._pieces.insert(x, y)
        else:
            bisect.insort(self._missing, x)

    # -- copies ----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # Pickled separately, because the classes of other versions may differ. These learn the data again.
        learned = pickle.dumps({name: vars(self)[name] for name in _LEARNED})
        return super().__getstate__() | {"learned": learned, "layout": _layout()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "settings" not in state:  # until 0.1
            settings = {"bounds": state["_bounds"], "rtol": state["_rtol"]}
            state = {**state, "settings": settings, "adjustments": {}, "data": dict(state["_data"])}
        if state.get("layout") != _layout():
            super().__setstate__(state)
            return
        super().__setstate__({**state, "data": {}})
        vars(self).update(pickle.loads(state["learned"]), _data=ToldData(state["data"]))


# Attributes that follow from the data and the order in which they were told.
_LEARNED = ("_shape", "_pieces", "_inside", "_missing")


def _layout() -> list[tuple[str, list[str]]]:
    """Return the classes used by `_LEARNED` and their attributes, which may differ between versions."""
    numbers = np.arange(2.0)
    model, shape = Barycentric(numbers, numbers, numbers), ErrorShape(numbers, np.empty(0), 1)
    objects = (Pieces((0.0, 1.0), 0.1), Part(), Record(), Pairs(), Border(), ModelPoles(), BreakSearch(), model, shape)
    names: list[tuple[type, list[str]]] = [(type(each), sorted(vars(each))) for each in objects]
    names += [(each, sorted(each.__annotations__)) for each in (Prediction, Fit, Survey)]
    return [(f"{kind.__module__}.{kind.__qualname__}", attributes) for kind, attributes in names]
