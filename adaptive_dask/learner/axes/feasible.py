"""FeasibleByName: the ``feasible`` function of a learner over a `Space`."""

from __future__ import annotations

from typing import Any

from adaptive_dask.learner.axes.keyword_function import Function, KeywordFunction
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.axes.translation import Translation


class FeasibleByName:
    """Calls the user's ``feasible`` with keyword arguments, for points of the wrapped learner.

    Parameters
    ----------
    feasible : callable
        The function of the user, or an object of this class for another space.
    space : Space
    form : "number" or "tuple"
        The form of points.
    """

    def __init__(self, feasible: Function, space: Space, form: str) -> None:
        self.feasible: Function = feasible.feasible if isinstance(feasible, FeasibleByName) else feasible
        self.space = space
        self.form = form
        self._translation = Translation(space, form)

    def __call__(self, point: Any) -> Any:
        return KeywordFunction(self.feasible, self.space, self.form)(self._translation.to_user(point))

    def __reduce__(self) -> tuple[Any, ...]:
        return FeasibleByName, (self.feasible, self.space, self.form)
