"""RationalLearner1D: learns a smooth function of one real number by rational approximation."""

from __future__ import annotations

import bisect
import math
import pickle
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.checked import as_real, checked_amplitude, checked_bounds, checked_point, checked_size
from adaptive_dask.learner.rational.barycentric import Barycentric
from adaptive_dask.learner.rational.border import Border
from adaptive_dask.learner.rational.choice import Gaps, choose
from adaptive_dask.learner.rational.error_shape import ErrorShape
from adaptive_dask.learner.rational.fit import Fit
from adaptive_dask.learner.rational.interpolator import RationalInterpolator
from adaptive_dask.learner.rational.pairs import Pairs
from adaptive_dask.learner.rational.part import Part
from adaptive_dask.learner.rational.pieces import Pieces
from adaptive_dask.learner.rational.record import Prediction, Record
from adaptive_dask.learner.rational.resonances import find_poles, find_zeros
from adaptive_dask.learner.rational.survey import Survey
from adaptive_dask.learner.settings_learner import SettingsLearner
from adaptive_dask.learner.told_data import ToldData

__all__ = ["RationalLearner1D"]

Array = NDArray[Any]
Value = float | complex | Array

# Results that are told together are predicted in portions of this fraction of the known points. While there are few,
# the error estimate depends on each prediction, and they are predicted one by one.
_PORTION = 0.25
_SINGLY = 40


class RationalLearner1D(SettingsLearner):
    """Learns a smooth function f: ℝ → ℝ^M or ℂ^M by adaptive rational approximation.

    Where straight lines between the points of a `Learner1D` have an error that falls with the square of their number,
    that of a rational function falls exponentially. So a spectrum with narrow resonances, a response function, or
    anything else that is smooth takes a few dozen points to six digits.

    Parameters
    ----------
    function : callable
        Takes a real number and returns a real or complex number, or a vector of M of these. A complex amplitude is
        better than its square: it has half as many poles, and no small values that must be known to many digits.
    bounds : pair of float, or Space
        The interval on which to learn the function.
    rtol : float, default: 1e-6
        The largest error that is wanted, relative to the range of the values (of each component for itself).

    Attributes
    ----------
    data : mapping, float → float, complex, or array of shape (M,)
        The evaluated points and their values, in the order in which they were told.
    pending_points : set of float
    bounds : pair of float
    rtol : float

    Raises
    ------
    TypeError, ValueError
        If the bounds are not two finite numbers in ascending order, or ``rtol`` is not between 0 and 1.

    Notes
    -----
    The function is approximated by the AAA algorithm [1]_, with support points shared by the components of a vector
    [2]_. The next points are where a second approximation, of lower order, differs most, where Hermite's formula says
    that the error is largest, and next to poles close to the axis; a fifth of all points goes into the largest gap, so
    that nothing hides. Every value is compared with what was predicted of it before it was known. `loss` is the largest
    of these errors, extended by Hermite's formula to where no value is known; it is not the residual of a fit. The
    approximation is only computed again when a prediction was wrong, or when there are many more values. `done` waits
    for predictions where the error is expected to be largest.

    Where the function jumps or has a kink, the domain is divided, and each part is learned by itself. Where neither a
    rational function nor one that smooths noise predicts values better than straight lines do, straight lines are used.
    Noise is recognised by points that lie very close to each other; see `noise`.

    Points outside of the bounds, and values that are NaN or infinite, are kept in ``data`` and ignored otherwise.

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

    # What it is told of the other side continues the function beyond the seam.
    _beyond_seam = 0.125

    def __init__(self, function: Callable[..., Any], bounds: tuple[float, float] | Space, rtol: float = 1e-6) -> None:
        self.function = function
        self._bounds = checked_bounds(bounds)
        self._rtol = _checked_rtol(rtol)
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
        """The length of a gap that can be divided."""
        return 2.0 if any(self._whole) else 0.0

    def _settings(self) -> dict[str, Any]:
        return {"bounds": self.bounds, "rtol": self.rtol}

    def _setting_changed(self, name: str) -> None:
        """Do not divide the gaps between neighbouring whole numbers."""
        self._gaps = None
        self._pieces.least = self._least_gap

    # -- what is known ---------------------------------------------------------------------------

    @property
    def vdim(self) -> int:
        """The length of the function's values; 1 for numbers, and as long as there are no data."""
        return math.prod(self._shape or ())

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval on which the function is learned; setting it keeps the data."""
        return self._bounds

    @bounds.setter
    def bounds(self, bounds: tuple[float, float]) -> None:
        self._bounds = checked_bounds(bounds)
        self.data = dict(self.data)

    @property
    def rtol(self) -> float:
        """The largest error that is wanted, relative to the range of the values."""
        return self._rtol

    @rtol.setter
    def rtol(self, rtol: float) -> None:
        self._rtol = self._pieces.tolerance = _checked_rtol(rtol)

    def loss(self, real: bool = True) -> float:
        """The largest error that is expected, relative to the range of the values.

        It comes from predictions of values before they were known, and is infinite until there are enough of them.

        Parameters
        ----------
        real : bool, default: True
            Makes no difference: what pending points will tell is not known.
        """
        self._pieces.update()
        return float(self._pieces.claim())

    def done(self) -> bool:
        """Whether the error is below ``rtol`` by several predictions, or as small as noise allows."""
        self._pieces.update()
        return self._pieces.done()

    @property
    def noise(self) -> float | Array:
        """The standard deviation of the noise of the values, in their shape; 0 where none was found."""
        self._pieces.update()
        sigma = self._pieces.noise()
        return sigma.reshape(self._shape) if self._shape else float(sigma.max(initial=0.0))

    def to_numpy(self) -> Array:
        """The data as an array of shape (npoints, 1 + vdim), ascending in x; complex if a value is."""
        if not self._data:
            return np.empty((0, 1 + self.vdim))
        xs = np.array(list(self._data))
        ys = np.array([np.ravel(y) for y in self._data.values()])
        return np.column_stack((xs, ys))[np.argsort(xs)]

    def interpolator(self) -> RationalInterpolator:
        """The approximation, as an object that can be evaluated, pickled and sent without the learner.

        Raises
        ------
        ValueError
            If there are no finite values yet.
        """
        self._pieces.update()
        return RationalInterpolator(self.bounds, self._pieces.segments(self._missing), self._shape or ())

    def poles(self, return_uncertainty: bool = False) -> Any:
        """The poles of the approximation above and below the interval, ascending in their real parts.

        For a spectrum these are the resonances: of a pole E - iΓ/2, E is the position and Γ the full width at half
        maximum of the square of its amplitude. A real function has them in conjugate pairs.

        Parameters
        ----------
        return_uncertainty : bool, default: False

        Returns
        -------
        poles : array of complex, shape (k,)
            Without those that change too much when samples are left out, and those with a zero next to them that hides
            them: they belong to the approximation, not to the function.
        uncertainty : array of float, shape (k,)
            With ``return_uncertainty``: by how much a pole moves when samples are left out.
        """
        found = self._find_poles()
        return (found.at, found.uncertainty) if return_uncertainty else found.at

    def residues(self, return_uncertainty: bool = False) -> Any:
        """The residues at `poles`, in the same order.

        Returns
        -------
        residues : array of complex, shape (k,), or (k, M) for vectors
        uncertainty : array of float of the same shape
            With ``return_uncertainty``.
        """
        found = self._find_poles()
        residues, uncertainty = found.residues, found.residue_uncertainty
        shape = (len(residues), *(self._shape or ()))
        residues, uncertainty = residues.reshape(shape), uncertainty.reshape(shape)
        return (residues, uncertainty) if return_uncertainty else residues

    def zeros(self, return_uncertainty: bool = False) -> Any:
        """The zeros of the approximation on, above and below the interval, ascending in their real parts.

        Returns
        -------
        zeros : array of complex, shape (k,); for vectors a list of M such arrays
        uncertainty : array of float, shape (k,); for vectors a list of M such arrays
            With ``return_uncertainty``: by how much a zero moves when samples are left out.
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
        """Choose the n points that tell the most.

        The bounds come first, then a few points that are spread evenly.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of float
            Fewer than n if there are no more numbers between the bounds that are not known.
        loss_improvements : list of float
            The error that is expected at each point, relative to the range of the values; infinite where nothing is
            known.
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
        """Return the gaps between all points; pending ones may have gone since the last time."""
        count = len(self._inside) + len(pending)
        if self._gaps is None or len(self._gaps.points) != count or not all(x in self._gaps for x in pending):
            width = self.bounds[1] - self.bounds[0]
            self._gaps = Gaps([*self._inside, *pending], width, only_whole=any(self._whole))
        return self._gaps

    def _divide_gap(self, x: float) -> None:
        if self._gaps is not None and self.bounds[0] <= x <= self.bounds[1] and x not in self._gaps:
            self._gaps.add(x)

    def tell_pending(self, x: float) -> None:
        """Tell that ``x`` is being evaluated, so that it is not proposed again.

        Nothing happens if it is pending or known.
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
        """Tell the value ``y`` of the function at ``x``; nothing happens if it is known.

        Parameters
        ----------
        x : float
            May be any finite number, asked for or not, also outside of the bounds.
        y : float, complex, or sequence of these

        Raises
        ------
        TypeError, ValueError
            If x is not a finite number, or y not a number or a vector as long as those before.
        """
        x = checked_point(x)
        value = _in_shape(checked_amplitude(y, x), self._shape, x)
        if x not in self._data:
            self._add(x, value)

    def tell_many(self, xs: Iterable[float], ys: Iterable[Any]) -> None:
        """Tell the values ``ys`` of the function at ``xs``, in one go.

        Raises
        ------
        TypeError, ValueError
            As in `tell`, or if there are not as many values as points. Then nothing is told.
        """
        points = [checked_point(x) for x in xs]
        values = list(ys)
        if len(values) != len(points):
            raise ValueError(f"ys must have as many values as xs has points, {len(points)}, got {len(values)}.")
        shape = self._shape
        for i, x in enumerate(points):
            values[i] = _in_shape(checked_amplitude(values[i], x), shape, x)
            shape = np.shape(values[i])
        portion = 1
        for x, value in zip(points, values, strict=True):
            if x in self._data:
                continue
            if portion >= (1 if self.npoints < _SINGLY else _PORTION * self.npoints):
                # What was told so far says what the rest should be, so that there is something to compare it with.
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
        # Packed apart, because another version may have other classes: it learns the data again.
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


# What follows from the data and from the order in which they were told.
_LEARNED = ("_shape", "_pieces", "_inside", "_missing")


def _layout() -> list[tuple[str, list[str]]]:
    """The classes that `_LEARNED` consists of and their attributes, by which versions differ."""
    numbers = np.arange(2.0)
    model, shape = Barycentric(numbers, numbers, numbers), ErrorShape(numbers, np.empty(0), 1)
    objects = (Pieces((0.0, 1.0), 0.1), Part(), Record(), Pairs(), Border(), model, shape)
    names: list[tuple[type, list[str]]] = [(type(each), sorted(vars(each))) for each in objects]
    names += [(each, sorted(each.__annotations__)) for each in (Prediction, Fit, Survey)]
    return [(f"{kind.__module__}.{kind.__qualname__}", attributes) for kind, attributes in names]


def _in_shape(value: Any, shape: tuple[int, ...] | None, x: float) -> Value:
    """A value in the shape of those told before."""
    found = np.shape(value)
    if shape is None or found == shape:
        result: Value = value
        return result
    if np.size(value) != math.prod(shape) or (len(found) > 1 and len(shape) > 1):
        raise ValueError(
            f"The value at {x!r} must have the shape of the values told before, {shape}, got {found} (() is a number). "
            "The function must return values of one shape."
        )
    result = np.reshape(value, shape)[()]
    return result if shape else result.item()


def _checked_rtol(rtol: Any) -> float:
    number = as_real(rtol, "rtol")
    if not 0 < number < 1:
        raise ValueError(f"rtol must be a number between 0 and 1, got {rtol!r}.")
    return number
