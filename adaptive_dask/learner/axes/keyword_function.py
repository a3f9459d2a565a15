"""KeywordFunction: calls a function with keyword arguments for a point of a learner."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adaptive_dask.learner.argument_names import Coordinates, bare
from adaptive_dask.learner.axes.axis import Int
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.batch_call import Split, values_of_batch

Function = Callable[..., Any]

# The form of points: a number, a tuple of coordinates, or (seed, number).
NUMBER, TUPLE, SAMPLE = "number", "tuple", "sample"

# A further argument of the function of an AverageLearner1D.
SEED = "seed"


class KeywordFunction:
    """Calls a function with the coordinates of a point, and the fixed values of a space, as keyword arguments.

    Parameters
    ----------
    function : callable
    space : Space
    form : "number", "tuple" or "sample"
        The form of points.
    """

    def __init__(self, function: Function, space: Space, form: str) -> None:
        self.function = function
        self.space = space
        self.form = form
        self._names = space.names
        self._fixed: dict[str, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the function, such as ``keywords`` of a `functools.partial`."""
        if name.startswith("_") or name in ("function", "space", "form"):  # special names, and during unpickling
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.function, name)

    def __call__(self, point: Any, /, **more: Any) -> Any:
        if self._fixed is None:  # not before it is called, because the values may be large
            self._fixed = self.space.fixed
        if self.form == NUMBER:
            return self.function(**{self._names[0]: point}, **self._fixed, **more)
        return self.function(**self.arguments(point), **self._fixed, **more)

    def arguments(self, point: Any) -> dict[str, Any]:
        """Return the coordinates of a point by name, without the fixed values."""
        if self.form == NUMBER:
            return {self._names[0]: point}
        if self.form == SAMPLE:
            seed, x = point
            return {SEED: seed, self._names[0]: x}
        return dict(zip(self._names, point, strict=True))

    def point(self, arguments: Mapping[str, Any]) -> Any:
        """Return the point with these coordinates, the inverse of `arguments`."""
        coordinates = tuple(arguments[name] for name in self._names)
        if self.form == SAMPLE:
            return arguments[SEED], *coordinates
        return coordinates if self.form == TUPLE else coordinates[0]

    def call_batch(self, points: Sequence[Any], split: Split | None = None) -> list[Any]:
        """Evaluate several points with a vectorized function, called with an array of shape (n,) for each name."""
        rows = [tuple(self.arguments(point).values()) for point in points]
        names = (SEED, *self._names) if self.form == SAMPLE else self._names
        columns = {name: _array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        for name in self._names:
            if isinstance(self.space.axes[name], Int):
                columns[name] = columns[name].astype(int)
        return values_of_batch(self.function(**columns, **self.space.fixed), len(points), split)

    @property
    def coordinates(self) -> Coordinates:
        """The names of the coordinates in plots and data frames."""
        return self.space.coordinates(self.function, (SEED,) if self.form == SAMPLE else ())

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature with a point, and the arguments of the function that are not in the space."""
        point = inspect.Parameter("point", inspect.Parameter.POSITIONAL_ONLY)
        others = inspect.signature(self.function).parameters.values()
        keyword = [each for each in others if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        ours = {SEED, *self.space.axes} if self.form == SAMPLE else set(self.space.axes)
        rest = [each.replace(kind=each.KEYWORD_ONLY) for each in keyword if each.name not in ours]
        return inspect.Signature([point, *rest])

    @staticmethod
    def users(function: Function) -> Function:
        """Return the user's function in a function assigned to a learner, which may be a `functools.partial`."""
        if isinstance(function, functools.partial) and isinstance(function.func, KeywordFunction):
            return functools.partial(function.func.function, **function.keywords)
        return function.function if isinstance(function, KeywordFunction) else function

    @property
    def __name__(self) -> str:
        return str(getattr(bare(self.function), "__name__", ""))


def _array(column: Sequence[Any]) -> Any:
    array = np.array(column)
    if array.ndim == 1 and array.dtype.kind in "biufc":
        return array
    objects = np.empty(len(column), dtype=object)
    objects[:] = column
    return objects
