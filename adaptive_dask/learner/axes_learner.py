"""AxesLearner: a learner over a `Space`, whose points are in the coordinates of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, NoReturn, Self

import numpy as np

from adaptive_dask import entry
from adaptive_dask.learner.axes.axis import Linear, Log
from adaptive_dask.learner.axes.interpolator import AxesInterpolator
from adaptive_dask.learner.axes.keyword_function import NUMBER, SAMPLE, SEED, TUPLE, KeywordFunction
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.axes.translation import Translation
from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.checked import checked_size
from adaptive_dask.learner.settings import Setting
from adaptive_dask.learner.told_data import DataView, checked_data

Function = Callable[..., Any]

# What learners say about themselves in any coordinates.
_SAME_IN_ALL_COORDINATES = {
    *("vdim", "ndim", "nsamples", "min_samples_per_point", "nth_neighbors", "noise", "is_known", "error_history"),
    *("done", "exact_loss", "mean", "variance", "sobol_indices", "stack_size", "aspect_ratio"),
}

# Mappings whose keys are those of the data.
_BY_PLACE = {"error", "rescaled_error", "_data_samples", "_number_samples"}

# How often a learner is asked again if it proposes what is known: numbers near 1 have more logarithms than numbers.
_MAX_ROUNDS = 64

# So many points that were proposed and are not pending keep their exact coordinates.
_MAX_PROPOSED = 4096


class UsersData(DataView[Any, Any]):
    """``{x: y}`` in the coordinates of the user; it changes as the learner inside does.

    Parameters
    ----------
    inner : mapping
        The data of the learner inside.
    told : dict
        For each point of the user that of the learner inside, in the order told.
    """

    def __init__(self, inner: Mapping[Any, Any], told: Mapping[Any, Any]) -> None:
        super().__init__()
        self._inner = inner
        self._told = told

    def __getitem__(self, x: Any) -> Any:
        return self._inner[self._told[x]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)


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
        self._translation = Translation(space, form)
        self._is_same = self._translation.is_same
        self._told: dict[Any, Any] = {}  # for each point of the user that of the learner inside, in the order told
        self._asked: dict[Any, Any] = {}  # the same for those that were proposed
        self._users: dict[Any, Any] = {}  # the other way, for samples, which have points in common
        self._pending: dict[Any, None] = {}

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
        if name.startswith("__") or name in ("learner", "_is_same", "_translation"):
            raise AttributeError(name)
        kind = type(self.learner)
        if self._form == SAMPLE and name in _BY_PLACE and not self._is_same:
            found = getattr(self.learner, name)
            return {x: found[u] for x, u in sorted(self._told.items())}
        if (
            self._translation.is_straight
            or name in _SAME_IN_ALL_COORDINATES
            or isinstance(getattr(kind, name, None), Setting)
        ):
            return getattr(self.learner, name)
        if hasattr(kind, name) and not name.startswith("_"):
            raise AttributeError(
                f"{name} of a {kind.__name__} over a {self.space!r} is in transformed coordinates: take "
                f"learner.learner.{name}, which has {self._transformed()}."
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

    def _transformed(self) -> str:
        pairs = zip(self.space.names, self._axes, strict=True)
        return ", ".join(f"log10({name})" if isinstance(axis, Log) else name for name, axis in pairs)

    # -- points ------------------------------------------------------------------------------------

    def _to_user(self, u: Any) -> Any:
        """The point of the user for one that the learner inside proposes."""
        if self._form != SAMPLE:
            return self._translation.to_user(u)
        seed, place = u
        x = self._users.get(place)
        return seed, self._axes[0].to_user(place) if x is None else x

    def inner_point(self, point: Any) -> Any:
        """The point of the learner inside for one of the user.

        Raises
        ------
        TypeError, ValueError
            If it is no point, or one that has no transformed coordinates, as 0 on a logarithmic axis.
        """
        if self._is_same:
            return point
        return self._inner(*self._split(point))

    def _split(self, point: Any) -> tuple[Any, Any]:
        """The checked coordinates of a point as data have them, and a seed or None."""
        if self._form != SAMPLE:
            return self._translation.checked(point), None
        try:
            seed, x = point
        except (TypeError, ValueError):
            raise TypeError(f"A point must be a pair (seed, {self.space.names[0]}), got {point!r}.") from None
        return self._translation.checked(x), seed

    def _inner(self, key: Any, seed: Any) -> Any:
        u = self._told.get(key)
        if u is None:
            u = self._asked.get(key)
        if u is None:
            u = self._translation.to_inner(key)
            while u in self.learner.data:
                u = self._translation.next(u)
        return (seed, u) if self._form == SAMPLE else u

    def _note_all(self, points: list[Any], proposed: list[Any], are_pending: bool) -> None:
        """Remember the exact coordinates of points that were proposed, and that they are pending."""
        if are_pending:
            self._pending.update(dict.fromkeys(points))
            for u in proposed if self._translation.is_periodic else ():
                for image in self._translation.images(u):
                    self.learner.tell_pending(image)
        if len(self._asked) > _MAX_PROPOSED + 2 * len(self._pending):
            pending = {self._split(each)[0] for each in self._pending}
            self._asked = {key: each for key, each in self._asked.items() if key in pending}
        if self._form != SAMPLE:
            self._asked.update(zip(points, proposed, strict=True))
            return
        for (_, x), (_, u) in zip(points, proposed, strict=True):
            self._asked[x] = u
            self._users[u] = x

    # -- the protocol ------------------------------------------------------------------------------

    @property
    def data(self) -> Mapping[Any, Any]:
        """The results that were told, in the coordinates of the user."""
        data: Mapping[Any, Any] = self.learner.data
        return data if self._is_same else UsersData(data, self._told)

    @data.setter
    def data(self, data: Mapping[Any, Any]) -> None:
        if self._is_same:
            self.learner.data = data
            return
        data = checked_data(data)
        data = {self._translation.checked(x): y for x, y in data.items()}
        told = {x: self._told[x] if x in self._told else self._translation.to_inner(x) for x in data}
        try:
            self.learner.data = dict(zip(*self._with_images(list(told.values()), data.values()), strict=True))
        except (AttributeError, TypeError, ValueError) as error:
            self._complain(error, [(u, x) for x, u in told.items()])
        self._told = told
        self._users = {u: x for x, u in told.items()} if self._form == SAMPLE else {}
        if self._form != SAMPLE:
            self._pending = {x: None for x in self._pending if x not in told}

    @property
    def npoints(self) -> int:
        """The number of evaluated points."""
        return int(self.learner.npoints) if self._is_same else len(self._told)

    @property
    def pending_points(self) -> Set[Any]:  # type: ignore[override]
        """The points that were asked for and not yet told."""
        pending: Set[Any] = self.learner.pending_points if self._is_same else self._pending.keys()
        return pending

    def _pending_to_tell(self) -> list[Any]:
        return list(self.learner._pending_to_tell() if self._is_same else self._pending)

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
        n = checked_size(n)
        points: dict[Any, float] = {}
        missing = n
        for _ in range(_MAX_ROUNDS):
            proposed, gains = self.learner.ask(missing, tell_pending)
            found = [self._to_user(u) for u in proposed]
            if not points and self._are_new(found):
                self._note_all(found[:n], proposed[:n], tell_pending)
                return found[:n], gains[:n]
            settled = 0
            for u, point, gain in zip(proposed, found, gains, strict=True):
                if point in points or self._is_known(point):
                    # Two points of the learner inside are one of the user: it is told that it knows this one.
                    if tell_pending:
                        self._settle(u, point)
                    settled += 1
                elif len(points) < n:
                    self._note_all([point], [u], tell_pending)
                    points[point] = gain
            if not settled or len(points) == n or len(proposed) < missing:
                break
            # Without a change, the same points are proposed again: others come behind them.
            missing = n - len(points) if tell_pending else 2 * missing
            points = points if tell_pending else {}
        return list(points), list(points.values())

    def _are_new(self, points: list[Any]) -> bool:
        if self._form == SAMPLE:
            return self._pending.keys().isdisjoint(points)
        new = dict.fromkeys(points).keys()
        return len(new) == len(points) and new.isdisjoint(self._told.keys()) and new.isdisjoint(self._pending.keys())

    def _is_known(self, point: Any) -> bool:
        return point in self._pending or (self._form != SAMPLE and point in self._told)

    def _settle(self, u: Any, point: Any) -> None:
        if point in self._told:
            self.learner.tell(u, self.learner.data[self._told[point]])
        else:
            self.learner.tell_pending(u)

    def tell(self, x: Any, y: Any) -> None:
        """Tell the value ``y`` of the function at ``x``; nothing happens if it is known."""
        if self._is_same:
            self.learner.tell(x, y)
            return
        key, seed = self._split(x)
        u = self._inner(key, seed)
        try:
            self.learner.tell(u, y)
        except (TypeError, ValueError) as error:
            self._complain(error, [(u, x)])
        for image in self._translation.images(u):
            self.learner.tell(image, y)
        self._took(key, seed, u)

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
        xs = list(xs)
        if self._form != SAMPLE and {type(x) for x in xs} == {float if self._form == NUMBER else tuple}:
            us = list(map(self._asked.get, xs))
            if None not in us:
                self._tell_asked(xs, us, ys, options)
                return
        split = [self._split(x) for x in xs]
        taken: dict[Any, Any] = {}  # the points of this call
        us = []
        for key, seed in split:
            u = self._inner(key, None)
            if self._form == SAMPLE:
                u = u[1]
            while taken.setdefault(u, key) != key:
                u = self._translation.next(u)
            us.append((seed, u) if self._form == SAMPLE else u)
        try:
            self.learner.tell_many(*self._with_images(us, ys), **options)
        except (TypeError, ValueError) as error:
            points = [key if self._form != SAMPLE else (seed, key) for key, seed in split]
            self._complain(error, list(zip(us, points, strict=True)))
        for (key, seed), u in zip(split, us, strict=True):
            self._took(key, seed, u)

    def _with_images(self, us: list[Any], ys: Iterable[Any]) -> tuple[list[Any], Iterable[Any]]:
        if not self._translation.is_periodic:
            return us, ys
        pairs = list(zip(us, ys, strict=True))
        pairs += [(image, y) for u, y in pairs for image in self._translation.images(u)]
        return [u for u, _ in pairs], [y for _, y in pairs]

    def _tell_asked(self, xs: list[Any], us: list[Any], ys: Iterable[Any], options: dict[str, Any]) -> None:
        try:
            self.learner.tell_many(*self._with_images(us, ys), **options)
        except (TypeError, ValueError) as error:
            self._complain(error, list(zip(us, xs, strict=True)))
        for x, u in zip(xs, us, strict=True):
            self._pending.pop(x, None)
            self._told[x] = u
        for x in xs:
            self._asked.pop(x, None)

    def _took(self, key: Any, seed: Any, u: Any) -> None:
        if self._form == SAMPLE:
            self._pending.pop((seed, key), None)
            u = u[1]
            self._users[u] = key
        else:
            self._pending.pop(key, None)
            self._asked.pop(key, None)
        self._told.setdefault(key, u)

    def _complain(self, error: Exception, points: list[tuple[Any, Any]]) -> NoReturn:
        """Raise an error of the learner inside with the coordinates of the user."""
        text = str(error)
        for u, x in points:
            if repr(u) in text:
                text = text.replace(repr(u), repr(x))
                break
        raise type(error)(text) from None

    def tell_pending(self, x: Any) -> None:
        """Tell that ``x`` is being evaluated, so that it is not proposed again."""
        if self._is_same:
            self.learner.tell_pending(x)
            return
        key, seed = self._split(x)
        point = (seed, key) if self._form == SAMPLE else key
        if point in self._pending or (self._form != SAMPLE and key in self._told):
            return
        u = self._inner(key, seed)
        self.learner.tell_pending(u)
        if u in self.learner.pending_points:  # not a sample that is known
            self._note_all([point], [u], True)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self.learner.remove_unfinished()
        self._pending.clear()

    def loss(self, real: bool = True) -> float:
        """The loss of the learner inside."""
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

    def to_numpy(self, *args: Any, **options: Any) -> Any:
        """The data as the array that the learner inside makes, in the coordinates of the user."""
        table = self.learner.to_numpy(*args, **options)
        if self._is_same or not len(table):
            return table
        seeds = 1 if self._form == SAMPLE and not (args or options) else 0
        ndim = len(self._axes)
        users = {u: key for key, u in self._told.items()}
        if self._translation.is_periodic:  # the array has both ends
            users.update({image: image for u in self._told.values() for image in self._translation.images(u)})
        coordinates = table[:, seeds : seeds + ndim].real
        places = map(tuple, coordinates.tolist()) if self._form == TUPLE else coordinates[:, 0].tolist()
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
        return _as_told({x: x for x in data} if self._is_same else self._told, data, self._form)

    def point_of(self, arguments: Mapping[str, Any]) -> Any:
        """The point at which the function is called with these arguments."""
        coordinates = tuple(arguments[name] for name in self.space.names)
        if self._form == SAMPLE:
            return arguments[SEED], *coordinates
        return coordinates if self._form == TUPLE else coordinates[0]

    def _get_data(self) -> dict[str, Any]:
        return {"axes": self.space.plain(), "told": dict(self._told), "data": self.learner._get_data()}

    def _set_data(self, data: Any) -> None:
        if not (isinstance(data, dict) and data.keys() == {"axes", "told", "data"}):
            super()._set_data(data)
            return
        if data["axes"] != self.space.plain():
            raise ValueError(f"data must be those of a learner over {self.space!r}, got those over {data['axes']!r}.")
        if not self._is_same:
            if self._told:
                self.tell_many(*_as_told(data["told"], data["data"], self._form))
                return
            for key in data["told"]:
                self._pending.pop(key, None)
            self._told = dict(data["told"])
            self._users = {u: key for key, u in self._told.items()} if self._form == SAMPLE else {}
        self.learner._set_data(data["data"])

    def __getstate__(self) -> dict[str, Any]:
        return {"learner": self.learner, "space": self.space, "form": self._form, "told": self._told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.learner = state["learner"]
        self.__init__(self.learner, state["space"], state["form"])  # type: ignore[misc]
        self._told = state["told"]


def _as_told(told: Mapping[Any, Any], data: Mapping[Any, Any], form: str) -> tuple[list[Any], list[Any]]:
    """Points of the user and values as they are told, from the data of the learner inside."""
    if form != SAMPLE:
        return list(told), [data[u] for u in told.values()]
    samples = [((seed, x), y) for x, u in told.items() for seed, y in data[u].items()]
    return [point for point, _ in samples], [y for _, y in samples]
