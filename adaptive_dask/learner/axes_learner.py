"""AxesLearner: a learner over a `Space`, whose points are in the coordinates of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Self

import numpy as np

from adaptive_dask import entry
from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.axes.axis import Linear, Log
from adaptive_dask.learner.axes.interpolator import AxesInterpolator
from adaptive_dask.learner.axes.keyword_function import SAMPLE, TUPLE, KeywordFunction
from adaptive_dask.learner.axes.points import UsersData, UsersPoints, complain
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.base_learner import BaseLearner, takes_infeasible
from adaptive_dask.learner.checked import checked_size
from adaptive_dask.learner.settings import Setting
from adaptive_dask.learner.told_data import checked_data

Function = Callable[..., Any]

# Attributes of learners that do not depend on coordinates.
_SAME_IN_ALL_COORDINATES = {
    *("vdim", "ndim", "nsamples", "min_samples_per_point", "nth_neighbors", "noise", "is_known", "error_history"),
    *("done", "exact_loss", "mean", "variance", "sobol_indices", "stack_size", "aspect_ratio"),
}

# Mappings with the keys of the data.
_BY_PLACE = {"error", "rescaled_error", "_data_samples", "_number_samples"}


class AxesLearner(BaseLearner):
    """Learns a function over a `Space` with another learner, which divides transformed coordinates.

    ``Learner1D(f, Space(…))``, like other learners, returns an object of this class. Points have the same form as
    without a space: numbers, tuples with the varying arguments in the order of the space, or (seed, number). They are
    in the coordinates of the user, ``10.0**u`` on a logarithmic axis. The function is called with keyword arguments.

    Attributes and methods of the wrapped learner can be used if they do not depend on coordinates, and all of them if
    no coordinate is transformed.

    Parameters
    ----------
    learner : BaseLearner
        Its function takes keyword arguments.
    space : Space
    form : "number", "tuple" or "sample"
        The form of points.

    Attributes
    ----------
    learner : BaseLearner
        The wrapped learner. Its points have transformed coordinates.
    space : Space
    bounds : pair of float, or list of pairs
        The bounds of the varying axes, in the coordinates of the user.
    """

    def __new__(cls, *args: Any) -> Self:
        return object.__new__(cls)  # this object is created with a space, not over it

    def __init__(self, learner: Any, space: Space, form: str) -> None:
        self.learner = learner
        self.space = space
        self._form = form
        self._axes: Sequence[Linear] = space.numeric
        self._points = UsersPoints(learner, space, form)
        self._is_same = self._points.translation.is_same

    # -- function and attributes -------------------------------------------------------------------

    @property
    def function(self) -> KeywordFunction:
        """Calls the function of the user with the coordinates of a point by name."""
        return KeywordFunction(self.learner.function, self.space, self._form)

    @function.setter
    def function(self, function: Function) -> None:
        self.learner.function = KeywordFunction.users(function)

    @property
    def bounds(self) -> Any:
        """The bounds of the varying axes, in the form of the wrapped learner."""
        pairs = [(axis.low, axis.high) for axis in self._axes]
        return pairs if self._form == TUPLE else pairs[0]

    def arguments_at(self, point: Any) -> dict[str, Any]:
        """Return the keyword arguments of the function at a point."""
        return {**self.function.arguments(point), **self.space.fixed}

    def __getattr__(self, name: str) -> Any:
        # Pickling reads attributes before there are any.
        if name.startswith("__") or name in ("learner", "_is_same", "_points"):
            raise AttributeError(name)
        kind = type(self.learner)
        if name == "nsamples" and self._points.translation.is_periodic:
            samples = self.learner._number_samples
            return sum(samples[u] for u in self._points.told.values())
        if name == "done" and self._points.are_countable:
            return self._points.is_done
        if self._form == SAMPLE and name in _BY_PLACE and not self._is_same:
            found = getattr(self.learner, name)
            return {x: found[u] for x, u in sorted(self._points.told.items())}
        if name.startswith("plot_") and (self._points.translation.is_straight or name == "plot_slice"):
            if hasattr(kind, name):
                return entry("drawing_over_space")(self, name)
        elif (
            self._points.translation.is_straight
            or name in _SAME_IN_ALL_COORDINATES
            or isinstance(getattr(kind, name, None), Setting)
        ):
            return getattr(self.learner, name)
        if hasattr(kind, name) and not name.startswith("_"):
            raise AttributeError(
                f"{name} of a {kind.__name__} over a {self.space!r} is in transformed coordinates: use "
                f"learner.learner.{name}, which has {_transformed(self.space)}."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; settings, such as a loss function, are set in the wrapped learner."""
        if name not in ("learner", "space", "fname") and not name.startswith("_") and not hasattr(type(self), name):
            kind = type(self.learner)
            if isinstance(getattr(kind, name, None), Setting | property):
                setattr(self.learner, name, value)
                return
        super().__setattr__(name, value)

    # -- points ------------------------------------------------------------------------------------

    def inner_point(self, point: Any) -> Any:
        """Return the point of the wrapped learner for a point of the user.

        Raises
        ------
        TypeError, ValueError
            If it is not a point, or has no transformed coordinates, such as 0 on a logarithmic axis.
        """
        if self._is_same:
            return point
        return self._points.to_inner(*self._points.split(point))

    # -- the protocol ------------------------------------------------------------------------------

    @property
    def data(self) -> Mapping[Any, Any]:
        """The results that were told, in the coordinates of the user."""
        data: Mapping[Any, Any] = self.learner.data
        return data if self._is_same else UsersData(data, self._points.told)

    @data.setter
    def data(self, data: Mapping[Any, Any]) -> None:
        if self._is_same:
            self.learner.data = data
            return
        points = self._points
        data = checked_data(data)
        data = {points.translation.checked(x): y for x, y in data.items()}
        told = {x: points.told[x] if x in points.told else points.translation.to_inner(x) for x in data}
        try:
            self.learner.data = dict(zip(*points.with_images(list(told.values()), data.values()), strict=True))
        except (AttributeError, TypeError, ValueError) as error:
            complain(error, [(u, x) for x, u in told.items()])
        points.replace(told, forget_pending=self._form != SAMPLE)

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return int(self.learner.npoints) if self._is_same else len(self._points.told)

    def _takes_infeasible(self, point: Any) -> bool:
        return takes_infeasible(self.learner, point)

    @property
    def infeasible(self) -> Mapping[Any, str]:
        """The points without a value, in the coordinates of the user, and the reasons."""
        reasons: Mapping[Any, str] = self.learner.infeasible
        return reasons if self._is_same else {x: reasons[u] for x, u in self._points.told.items() if u in reasons}

    def forget_failures(self) -> None:
        """Forget the points without a value."""
        forgotten = self.infeasible
        told = {x: u for x, u in self._points.told.items() if x not in forgotten}
        self.learner.forget_failures()
        self._points.replace(told, forget_pending=False)

    @property
    def pending_points(self) -> Set[Any]:  # type: ignore[override]
        """The points that were proposed and have no result yet."""
        pending: Set[Any] = self.learner.pending_points if self._is_same else self._points.pending.keys()
        return pending

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Any], list[float]]:
        """Choose the next points to evaluate with the wrapped learner.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of X
        loss_improvements : list of float
        """
        if self._is_same:
            asked: tuple[list[Any], list[float]] = self.learner.ask(n, tell_pending)
            return asked
        return self._points.propose(checked_size(n), tell_pending)

    def tell(self, x: Any, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x``; known points are ignored."""
        if self._is_same:
            self.learner.tell(x, y)
            return
        points = self._points
        key, seed = points.split(x)
        u = points.to_inner(key, seed)
        try:
            self.learner.tell(u, y)
        except (TypeError, ValueError) as error:
            complain(error, [(u, x)])
        for image in points.images(u):
            self.learner.tell(image, y)
        points.took(key, seed, u)

    def tell_many(self, xs: Iterable[Any], ys: Iterable[Any], **options: Any) -> None:
        """Tell the values ``ys`` of the function at ``xs``.

        Raises
        ------
        TypeError, ValueError
            As in the wrapped learner. Then nothing is told.
        """
        if self._is_same:
            self.learner.tell_many(xs, ys, **options)
            return
        points, xs = self._points, list(xs)
        us = points.if_asked(xs)
        split = None
        if us is None:
            split, us = points.all_to_inner(xs)
        try:
            self.learner.tell_many(*points.with_images(us, ys), **options)
        except (TypeError, ValueError) as error:
            complain(
                error, list(zip(us, xs if split is None else [points.point(*each) for each in split], strict=True))
            )
        if split is None:
            points.took_asked(xs, us)
            return
        for (key, seed), u in zip(split, us, strict=True):
            points.took(key, seed, u)

    def tell_pending(self, x: Any) -> None:
        """Mark ``x`` as pending, so that it is not proposed again."""
        if self._is_same:
            self.learner.tell_pending(x)
            return
        points = self._points
        key, seed = points.split(x)
        point = points.point(key, seed)
        if point in points.pending or (self._form != SAMPLE and key in points.told):
            return
        u = points.to_inner(key, seed)
        self.learner.tell_pending(u)
        if u in self.learner.pending_points:  # not a known sample
            points.note([point], [u], True)

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self.learner.remove_unfinished()
        self._points.pending.clear()

    def loss(self, real: bool = True) -> float:
        """Return the loss of the wrapped learner; 0 if there are no more points."""
        if self._points.are_countable and self._points.are_all_known(or_pending=not real):
            return 0.0
        return float(self.learner.loss(real))

    # -- results -----------------------------------------------------------------------------

    def interpolator(self, **options: Any) -> AxesInterpolator:
        """Return an interpolation in the coordinates of the user; the options are those of the wrapped learner.

        Returns
        -------
        AxesInterpolator
            Takes arrays by name, ``ip(energy=…, field=…)``, or the arguments of the wrapped learner's interpolator.

        Raises
        ------
        TypeError
            If the wrapped learner has no interpolator.
        """
        make = getattr(self.learner, "interpolator", None)
        if make is None:
            raise TypeError(f"A learner must have an interpolator, got a {type(self.learner).__name__}.")
        return AxesInterpolator(make(**options), self.space, self._form)

    def feasibility(self, /, *x: Any, **named: Any) -> Any:
        """Return the feasibility, from 0 to 1, at points or at coordinates by name."""
        return self.interpolator().feasibility(*x, **named)

    def to_numpy(self, *args: Any, **options: Any) -> Any:
        """Return the array of the wrapped learner, in the coordinates of the user."""
        table = self.learner.to_numpy(*args, **options)
        if self._is_same or not len(table):
            return table
        seeds = 1 if self._form == SAMPLE and not (args or options) else 0
        ndim = len(self._axes)
        told, translation = self._points.told, self._points.translation
        users = {u: key for key, u in told.items()}
        if translation.is_periodic:  # the array contains both ends
            users.update({image: image for u in told.values() for image in translation.images(u)})
        coordinates = table[:, seeds : seeds + ndim].real
        places = list(map(tuple, coordinates.tolist())) if self._form == TUPLE else coordinates[:, 0].tolist()
        if type(self.learner)._beyond_seam and translation.is_periodic:  # without duplicates
            own = set(told.values())
            table = table[[place in own for place in places]]
            places = [place for place in places if place in own]
        table[:, seeds : seeds + ndim] = np.array([users[u] for u in places], dtype=float).reshape(-1, ndim)
        return table

    # -- copies ------------------------------------------------------------------------------------

    def new(self) -> Self:
        """Return a learner with the same function, space and settings and no data."""
        return type(self)(self.learner.new(), self.space, self._form)

    def extended(self, space: Space) -> AxesLearner:
        """Return a learner over a larger space, with the same function, settings and data.

        Parameters
        ----------
        space : Space
            With the same arguments, and possibly others that have defaults. A range may grow or shrink, an axis may
            become logarithmic, and a fixed argument may vary, so that the data are those of a slice.

        Returns
        -------
        AxesLearner
            If more arguments vary, a `Learner1D` becomes a `Learner2D` or a `LearnerND`, with its default loss. Pending
            points are omitted.

        Raises
        ------
        TypeError, ValueError
            If the data are not in that space: an argument is missing, or is fixed at another value, or the values at
            points that are the same in a periodic space differ.
        """
        learner: AxesLearner = entry("extended_over_space")(self, space)
        return learner

    def results(self) -> tuple[list[Any], list[Any]]:
        """Return points and values in the order told; those of each sample for an `AverageLearner1D`.

        The value of a point without one is an `Infeasible`.
        """
        data = self.learner._get_data()
        points, values = _as_told({x: x for x in data} if self._is_same else self._points.told, data, self._form)
        reasons = self.infeasible if self._form != SAMPLE else {}
        return points, [
            Infeasible(reasons[x]) if x in reasons else value for x, value in zip(points, values, strict=True)
        ]

    def _get_data(self) -> dict[str, Any]:
        return {"axes": self.space.plain(), "told": dict(self._points.told), "data": self.learner._get_data()}

    def _set_data(self, data: Any) -> None:
        if not (isinstance(data, dict) and data.keys() == {"axes", "told", "data"}):
            super()._set_data(data)
            return
        if data["axes"] != self.space.plain():
            raise ValueError(f"data must be those of a learner over {self.space!r}, got those over {data['axes']!r}.")
        if not self._is_same:
            points = self._points
            if points.told:
                self.tell_many(*_as_told(data["told"], data["data"], self._form))
                return
            points.replace(dict(data["told"]), forget_pending=True)
        self.learner._set_data(data["data"])

    def __getstate__(self) -> dict[str, Any]:
        return {"learner": self.learner, "space": self.space, "form": self._form, "told": self._points.told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.learner = state["learner"]
        self.__init__(self.learner, state["space"], state["form"])  # type: ignore[misc]
        self._points.replace(state["told"], forget_pending=True)


def _transformed(space: Space) -> str:
    """Return the names of the wrapped learner's coordinates."""
    pairs = zip(space.names, space.numeric, strict=True)
    return ", ".join(f"log10({name})" if isinstance(axis, Log) else name for name, axis in pairs)


def _as_told(told: Mapping[Any, Any], data: Mapping[Any, Any], form: str) -> tuple[list[Any], list[Any]]:
    """Return points of the user and values as they were told, from the data of the wrapped learner."""
    if form != SAMPLE:
        return list(told), [data[u] for u in told.values()]
    samples = [((seed, x), y) for x, u in told.items() for seed, y in data[u].items()]
    return [point for point, _ in samples], [y for _, y in samples]
