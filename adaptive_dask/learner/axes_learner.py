"""AxesLearner: a learner over a `Space`, whose points are in the coordinates of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Self

import numpy as np

from adaptive_dask import entry
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

# What learners say about themselves in any coordinates.
_SAME_IN_ALL_COORDINATES = {
    *("vdim", "ndim", "nsamples", "min_samples_per_point", "nth_neighbors", "noise", "is_known", "error_history"),
    *("done", "exact_loss", "mean", "variance", "sobol_indices", "stack_size", "aspect_ratio"),
}

# Mappings whose keys are those of the data.
_BY_PLACE = {"error", "rescaled_error", "_data_samples", "_number_samples"}


class AxesLearner(BaseLearner):
    """Learns a function over a `Space` with another learner, which divides transformed coordinates.

    It is what ``Learner1D(f, Space(…))`` and other learners of that kind return. Points, in ``data`` and everywhere,
    are as the learner has them without a space: numbers, tuples with the arguments that vary in the order of the
    space, or (seed, number). They are in the coordinates of the user, ``10.0**u`` on a logarithmic axis. The function
    is called with keyword arguments.

    Attributes and methods of the learner inside can be used where they do not depend on coordinates, and all of them
    if no coordinate is transformed.

    Parameters
    ----------
    learner : BaseLearner
        Its function takes keyword arguments.
    space : Space
    form : "number", "tuple" or "sample"
        How points are written.

    Attributes
    ----------
    learner : BaseLearner
        The learner inside. Its points have transformed coordinates.
    space : Space
    bounds : pair of float, or list of pairs
        Of the axes that vary, in the coordinates of the user.
    """

    def __new__(cls, *args: Any) -> Self:
        return object.__new__(cls)  # this one is made with a space and not over it

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
        """The bounds of the axes that vary, in the form that the learner inside has."""
        pairs = [(axis.low, axis.high) for axis in self._axes]
        return pairs if self._form == TUPLE else pairs[0]

    def arguments_at(self, point: Any) -> dict[str, Any]:
        """The keyword arguments with which the function is called at a point."""
        return {**self.function.arguments(point), **self.space.fixed}

    def __getattr__(self, name: str) -> Any:
        # Pickling looks for attributes of an object that has none yet.
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
        if (
            self._points.translation.is_straight
            or name in _SAME_IN_ALL_COORDINATES
            or isinstance(getattr(kind, name, None), Setting)
        ):
            return getattr(self.learner, name)
        if hasattr(kind, name) and not name.startswith("_"):
            raise AttributeError(
                f"{name} of a {kind.__name__} over a {self.space!r} is in transformed coordinates: take "
                f"learner.learner.{name}, which has {_transformed(self.space)}."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a setting of the learner inside, such as a loss function, there."""
        if name not in ("learner", "space", "fname") and not name.startswith("_") and not hasattr(type(self), name):
            kind = type(self.learner)
            if isinstance(getattr(kind, name, None), Setting | property):
                setattr(self.learner, name, value)
                return
        super().__setattr__(name, value)

    # -- points ------------------------------------------------------------------------------------

    def inner_point(self, point: Any) -> Any:
        """The point of the learner inside for one of the user.

        Raises
        ------
        TypeError, ValueError
            If it is no point, or one that has no transformed coordinates, as 0 on a logarithmic axis.
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
        """The points that were asked for and not yet told."""
        pending: Set[Any] = self.learner.pending_points if self._is_same else self._points.pending.keys()
        return pending

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Any], list[float]]:
        """Choose the next points to evaluate, as the learner inside does.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

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
        """Tell the value ``y`` of the function at ``x``; nothing happens if it is known."""
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
        """Tell the values ``ys`` of the function at ``xs``, in one go.

        Raises
        ------
        TypeError, ValueError
            As the learner inside does. Then nothing is told.
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
        """Tell that ``x`` is being evaluated, so that it is not proposed again."""
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
        if u in self.learner.pending_points:  # not a sample that is known
            points.note([point], [u], True)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self.learner.remove_unfinished()
        self._points.pending.clear()

    def loss(self, real: bool = True) -> float:
        """The loss of the learner inside; 0 if nothing is left to ask for."""
        if self._points.are_countable and self._points.are_all_known(or_pending=not real):
            return 0.0
        return float(self.learner.loss(real))

    # -- what is known -----------------------------------------------------------------------------

    def interpolator(self, **options: Any) -> AxesInterpolator:
        """The function as it is known, in the coordinates of the user; see the learner inside for the options.

        Returns
        -------
        AxesInterpolator
            Called with arrays by name, ``ip(energy=…, field=…)``, or as the interpolator of the learner inside.
        """
        return AxesInterpolator(self.learner.interpolator(**options), self.space, self._form)

    def feasibility(self, *x: Any, **named: Any) -> Any:
        """Whether the function has a value at points, or at coordinates by name, from 0 to 1."""
        return self.interpolator().feasibility(*x, **named)

    def to_numpy(self, *args: Any, **options: Any) -> Any:
        """The data as the array that the learner inside makes, in the coordinates of the user."""
        table = self.learner.to_numpy(*args, **options)
        if self._is_same or not len(table):
            return table
        seeds = 1 if self._form == SAMPLE and not (args or options) else 0
        ndim = len(self._axes)
        told, translation = self._points.told, self._points.translation
        users = {u: key for key, u in told.items()}
        if translation.is_periodic:  # the array has both ends
            users.update({image: image for u in told.values() for image in translation.images(u)})
        coordinates = table[:, seeds : seeds + ndim].real
        places = list(map(tuple, coordinates.tolist())) if self._form == TUPLE else coordinates[:, 0].tolist()
        if type(self.learner)._beyond_seam and translation.is_periodic:  # without what is there twice
            own = set(told.values())
            table = table[[place in own for place in places]]
            places = [place for place in places if place in own]
        table[:, seeds : seeds + ndim] = np.array([users[u] for u in places], dtype=float).reshape(-1, ndim)
        return table

    # -- copies ------------------------------------------------------------------------------------

    def new(self) -> Self:
        """A learner with the same function, space and settings and no data."""
        return type(self)(self.learner.new(), self.space, self._form)

    def extended(self, space: Space) -> AxesLearner:
        """A learner over a larger space, with the same function, settings and data.

        Parameters
        ----------
        space : Space
            With the same arguments, and maybe more of the function's that have defaults. A range may grow or shrink, an
            axis may become logarithmic, and an argument that was fixed may vary: data are then those of a slice.

        Returns
        -------
        AxesLearner
            A `Learner1D` becomes a `Learner2D` or a `LearnerND`, with the losses of these, if more arguments vary.
            Points in flight are not part of it.

        Raises
        ------
        TypeError, ValueError
            If the data do not belong to that space: an argument is missing, or is fixed at another value.
        """
        learner: AxesLearner = entry("extended_over_space")(self, space)
        return learner

    def results(self) -> tuple[list[Any], list[Any]]:
        """Points and values as they are told, in order; for an `AverageLearner1D` those of each sample."""
        data = self.learner._get_data()
        return _as_told({x: x for x in data} if self._is_same else self._points.told, data, self._form)

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
    """The coordinates of the learner inside, by name."""
    pairs = zip(space.names, space.numeric, strict=True)
    return ", ".join(f"log10({name})" if isinstance(axis, Log) else name for name, axis in pairs)


def _as_told(told: Mapping[Any, Any], data: Mapping[Any, Any], form: str) -> tuple[list[Any], list[Any]]:
    """Points of the user and values as they are told, from the data of the learner inside."""
    if form != SAMPLE:
        return list(told), [data[u] for u in told.values()]
    samples = [((seed, x), y) for x, u in told.items() for seed, y in data[u].items()]
    return [point for point, _ in samples], [y for _, y in samples]
