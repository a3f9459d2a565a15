"""SequenceLearner: evaluates a function for every element of a sequence."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any, Self, cast

import numpy as np
from sortedcontainers import SortedDict

from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.function_pickle import ByValue

__all__ = ["SequenceLearner"]

Point = tuple[int, Any]


class _OfElement:
    """Calls a function of an element with the point ``(index, element)``."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, point: Point, *args: Any, **kwargs: Any) -> Any:
        return self.function(point[1], *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {"function": ByValue(self.function)}


class SequenceLearner(BaseLearner):
    """Evaluates a function for every element of a sequence, from the first to the last.

    Useful where no other learner applies, to have the same ways to run, save and watch.

    Parameters
    ----------
    function : callable
        Takes one element of the sequence.
    sequence : sequence
        Anything with a length and with elements by index, of any kind, hashable or not. A shallow copy is kept.

    Attributes
    ----------
    function : callable
        Takes a point, ``(index, element)``, and calls the function given with the element.
    data : dict, int → object
        The values by index, in ascending order of the index.
    pending_points : set of int
        The indices of elements that were asked for and not yet told.
    sequence : sequence

    Raises
    ------
    TypeError
        If the sequence has no length or no elements by index.

    Notes
    -----
    Points are pairs ``(index, element)``. `tell` and `tell_pending` look at the index only.
    """

    data: SortedDict
    pending_points: set[int]

    def __init__(self, function: Callable[[Any], Any], sequence: Sequence[Any]) -> None:
        if not hasattr(sequence, "__len__") or not hasattr(sequence, "__getitem__") or isinstance(sequence, Mapping):
            raise TypeError(
                "sequence must have a length and elements by index, like a list; "
                f"a {type(sequence).__name__} does not. Give list(...) of it."
            )
        self.function = _OfElement(function)
        self.sequence = copy(sequence)
        self.data = SortedDict()
        self.pending_points = set()
        self._ntotal = len(sequence)
        self._next_index = 0

    def new(self) -> Self:
        """A learner with the same function and sequence and no data."""
        learner = type(self)(self._original_function, self.sequence)
        learner.function = self.function
        return learner

    @property
    def _original_function(self) -> Callable[..., Any]:
        """The function of an element."""
        return self.function.function if isinstance(self.function, _OfElement) else self.function

    # -- what is known ---------------------------------------------------------------------------

    @property
    def npoints(self) -> int:
        """The number of evaluated elements."""
        return len(self.data)

    def done(self) -> bool:
        """Whether every element has been evaluated."""
        return len(self.data) == self._ntotal

    def result(self) -> list[Any]:
        """The values in the order of the sequence.

        Raises
        ------
        ValueError
            If not every element has been evaluated yet.
        """
        if not self.done():
            raise ValueError(f"Only {len(self.data)} of {self._ntotal} elements have been evaluated.")
        return list(self.data.values())

    def loss(self, real: bool = True) -> float:
        """The fraction of elements that have not been evaluated.

        Parameters
        ----------
        real : bool, default: True
            With False, pending ones count as evaluated.
        """
        if not self._ntotal:
            return 0.0
        known = len(self.data) if real else len(self.data) + len(self.pending_points)
        return (self._ntotal - known) / self._ntotal

    # -- ask and tell ----------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next elements.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            Whether the points become pending. With False the learner stays as it is.

        Returns
        -------
        points : list of (int, object)
            Index and element; fewer than n if there are no more.
        loss_improvements : list of float
        """
        n = operator.index(n)
        if n < 0:
            raise ValueError(f"Cannot ask for {n} points; give 0 or more.")
        indices: list[int] = []
        data, pending, index = self.data, self.pending_points, self._next_index
        while len(indices) < n and index < self._ntotal:
            if index not in data and index not in pending:
                indices.append(index)
            index += 1
        points = [(i, self.sequence[i]) for i in indices]
        if tell_pending:
            pending.update(indices)
            self._next_index = index
        return points, [1 / max(self._ntotal, 1)] * len(points)

    def tell(self, point: Point, value: Any) -> None:
        """Tell the value for an element; nothing happens if it is known.

        Parameters
        ----------
        point : (int, object)
            The index and the element.
        value : object

        Raises
        ------
        TypeError, ValueError
            If the point is not a pair with an index of the sequence.
        """
        index = self._checked_index(point)
        self.pending_points.discard(index)
        if index not in self.data:
            self.data[index] = value

    def tell_many(self, points: Iterable[Point], values: Iterable[Any]) -> None:
        """Tell the values for many elements, in one go; nothing is told if there are not as many."""
        indices = [self._checked_index(point) for point in points]
        new = dict(reversed(list(zip(indices, values, strict=True))))
        self.pending_points.difference_update(indices)
        self.data.update({index: value for index, value in new.items() if index not in self.data})

    def tell_pending(self, point: Point) -> None:
        """Tell that an element is being evaluated, so that it is not proposed again."""
        index = self._checked_index(point)
        if index not in self.data:
            self.pending_points.add(index)

    def remove_unfinished(self) -> None:
        """Forget every pending point."""
        self.pending_points.clear()
        self._next_index = 0

    def _checked_index(self, point: Any) -> int:
        try:
            index, _ = point
            index = operator.index(index)
        except (TypeError, ValueError):
            if isinstance(point, tuple) and len(point) == 2 and isinstance(point[0], float | np.floating):
                # Tables with a column of floats beside that of the indices make floats of both.
                index = int(point[0]) if float(point[0]).is_integer() else -1
            else:
                raise TypeError(f"A point must be a pair (index, element), not {point!r}.") from None
        if not 0 <= index < self._ntotal:
            raise ValueError(f"There is no element {index} in a sequence of length {self._ntotal}.")
        return index

    # -- copies ----------------------------------------------------------------------------------

    def _get_data(self) -> dict[int, Any]:
        return dict(self.data)

    def _set_data(self, data: Mapping[int, Any]) -> None:
        self.tell_many([(index, None) for index in data], data.values())

    def __getstate__(self) -> dict[str, Any]:
        return {
            "function": ByValue(self.function),
            "sequence": self.sequence,
            "data": self._get_data(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        function = cast(Callable[..., Any], state["function"])
        SequenceLearner.__init__(self, function, state["sequence"])
        self.function = function
        self._set_data(state["data"])
