"""FeasibleByName: where a function over a `Space` has values, in the coordinates of the user."""

from __future__ import annotations

from typing import Any

from adaptive_dask.learner.axes.keyword_function import Function, KeywordFunction
from adaptive_dask.learner.axes.space import Space
from adaptive_dask.learner.axes.translation import Translation


class FeasibleByName:
    """Calls the ``feasible`` of a learner over a space with keyword arguments, where the learner inside has points.

    Parameters
    ----------
    feasible : callable
        Of the user, or one of these objects over another space.
    space : Space
    form : "number" or "tuple"
        How points are written.
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
