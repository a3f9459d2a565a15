"""SequenceLearner: evaluates a function for every element of a sequence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from copy import copy
from typing import Any

from adaptive_dask.errors import Infeasible
from adaptive_dask.learner.batch_call import Split, call_batch
from adaptive_dask.learner.checked import checked_seed, checked_size, paired
from adaptive_dask.learner.function_pickle import ByValue
from adaptive_dask.learner.infeasible_points import ReasonsLearner
from adaptive_dask.learner.settings import Fixed
from adaptive_dask.learner.told_data import DataView

__all__ = ["SequenceLearner"]

Point = tuple[int, Any]


def by_position(sequence: Any) -> Any:
    """Return an object whose elements are indexed by position, unlike those of pandas with integer labels."""
    return getattr(sequence, "iloc", sequence)


class _OfElement:
    """Calls a function of an element with a point ``(index, element)``."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, point: Point, *args: Any, **kwargs: Any) -> Any:
        return self.function(point[1], *args, **kwargs)

    def call_batch(self, points: Sequence[Point], split: Split | None = None) -> list[Any]:
        """Evaluate several points with a vectorized function."""
        return call_batch(self.function, [element for _, element in points], split)

    def __getstate__(self) -> dict[str, Any]:
        return {"function": ByValue(self.function)}


class ValuesByIndex(DataView[int, Any]):
    """A read-only mapping ``{index: value}`` in ascending order of the index.

    Iteration covers the values at its beginning, even if another thread adds more.

    Parameters
    ----------
    values : dict, int → object
        In any order.
    """

    def __init__(self, values: dict[int, Any]) -> None:
        super().__init__()
        self._values = values
        self._sorted: list[int] = []

    def __getitem__(self, index: int) -> Any:
        return self._values[index]

    def __contains__(self, index: object) -> bool:
        return index in self._values

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[int]:
        # Values are never removed, so a different length means that there are new ones.
        if len(self._sorted) != len(self._values):
            self._sorted = sorted(self._values)
        return iter(self._sorted)


class SequenceLearner(ReasonsLearner):
    """Evaluates a function for every element of a sequence, from the first to the last.

    Use it where no other learner applies, to run, save and monitor evaluations in the same way.

    Parameters
    ----------
    function : callable
        Takes one element of the sequence.
    sequence : sequence
        An object with a length and elements by index, of any type, hashable or not. The learner keeps a shallow copy.
        Elements of a pandas Series are used by position, not by label.

    Attributes
    ----------
    function : callable
        Takes a point, ``(index, element)``, and calls the given function with the element.
    data : mapping, int → object
        The values by index, in ascending order of the index.
    pending_points : set of int
        The indices of elements that were proposed and have no value yet.
    sequence : sequence

    Raises
    ------
    TypeError
        If the sequence has no length or no elements by index.

    Notes
    -----
    Points are pairs ``(index, element)``. `tell` and `tell_pending` use only the index.
    """

    sequence = Fixed(lambda sequence, name: _checked_sequence(sequence))

    pending_points: set[int]
    _sequence: Sequence[Any]

    def __init__(self, function: Callable[[Any], Any], sequence: Sequence[Any]) -> None:
        self.function = _OfElement(function)
        self.sequence = sequence
        self._elements = by_position(self._sequence)
        self._ntotal = len(self._sequence)
        self._start_over()

    def _settings(self) -> dict[str, Any]:
        return {"sequence": self.sequence}

    def _start_over(self) -> None:
        self._forget_reasons()
        self._values: dict[int, Any] = {}
        self._data = ValuesByIndex(self._values)
        self.pending_points = set()
        # All smaller indices are known or pending. If all points came in order, larger ones are not.
        self._next_index = 0
        self._in_order = True

    @property
    def _original_function(self) -> Callable[..., Any]:
        """The function of an element."""
        return self.function.function if isinstance(self.function, _OfElement) else self.function

    @_original_function.setter
    def _original_function(self, function: Callable[..., Any]) -> None:
        self.function = _OfElement(function)

    # -- results ---------------------------------------------------------------------------

    @property
    def npoints(self) -> int:
        """The number of evaluated elements."""
        return len(self._values)

    def done(self) -> bool:
        """Return True if every element has been evaluated."""
        return len(self._values) == self._ntotal

    def result(self) -> list[Any]:
        """Return the values in the order of the sequence.

        Raises
        ------
        ValueError
            If not all elements have been evaluated.
        """
        if not self.done():
            raise ValueError(f"result() needs the values of all elements, got {len(self._values)} of {self._ntotal}.")
        return list(self._data.values())

    def loss(self, real: bool = True) -> float:
        """Return the fraction of elements that have not been evaluated.

        Parameters
        ----------
        real : bool, default: True
            With False, pending ones count as evaluated.
        """
        if not self._ntotal:
            return 0.0
        known = len(self._values) if real else len(self._values) + len(self.pending_points)
        return (self._ntotal - known) / self._ntotal

    # -- ask and tell ----------------------------------------------------------------------------

    def ask(self, n: int, tell_pending: bool = True) -> tuple[list[Point], list[float]]:
        """Choose the next elements.

        Parameters
        ----------
        n : int
        tell_pending : bool, default: True
            If True, the points become pending. If False, the learner is not changed.

        Returns
        -------
        points : list of (int, object)
            Index and element; fewer than n if there are no more.
        loss_improvements : list of float
        """
        if type(n) is not int or n < 0:
            n = checked_size(n)
        index, total, sequence = self._next_index, self._ntotal, self._elements
        if n == 1 and tell_pending and self._in_order and index < total:
            self.pending_points.add(index)
            self._next_index = index + 1
            return [(index, sequence[index])], [1 / total]
        if self._in_order:
            last = min(index + n, total)
            points = [(i, sequence[i]) for i in range(index, last)]
            index = last
        else:
            points, values, pending = [], self._values, self.pending_points
            while len(points) < n and index < total:
                if index not in values and index not in pending:
                    points.append((index, sequence[index]))
                index += 1
        if tell_pending:
            for i, _ in points:
                self.pending_points.add(i)
            self._next_index = index
        return points, [1 / total] * len(points) if points else []

    def tell(self, point: Point, value: Any) -> None:
        """Tell the value of an element; known elements are ignored.

        Parameters
        ----------
        point : (int, object)
            The index and the element.
        value : object
            Any object, including None; values are stored without checks. `Infeasible` becomes NaN.

        Raises
        ------
        TypeError, ValueError
            If the point is not a pair with an index of the sequence.
        """
        index = self._checked_index(point)
        self.pending_points.discard(index)
        self._keep(index, value)

    def tell_many(self, xs: Iterable[Point], ys: Iterable[Any]) -> None:
        """Tell the values of several elements; if their numbers differ, nothing is told."""
        indices = [self._checked_index(point) for point in xs]
        pairs = paired(indices, ys)
        self.pending_points.difference_update(indices)
        for index, value in pairs:
            self._keep(index, value)

    def _keep(self, index: int, value: Any) -> None:
        if isinstance(value, Infeasible):
            if index not in self._values:
                self._infeasible.put(index, value.reason)
                self._values[index] = math.nan
        elif index in self._infeasible:
            dict.pop(self._infeasible, index)
            self._values[index] = value
        else:
            self._values.setdefault(index, value)

    def tell_pending(self, point: Point) -> None:
        """Mark an element as pending, so that it is not proposed again."""
        index = self._checked_index(point)
        if index not in self._values:
            self.pending_points.add(index)

    def remove_unfinished(self) -> None:
        """Remove all pending points."""
        self.pending_points.clear()
        self._next_index = 0
        self._in_order = not self._values

    def _checked_index(self, point: Any) -> int:
        try:
            index, _ = point
        except (TypeError, ValueError):
            raise TypeError(f"A point must be a pair (index, element), got {point!r}.") from None
        if type(index) is not int:
            index = checked_seed(index, "The index of a point")
        if index >= self._next_index:
            if index >= self._ntotal:
                raise ValueError(
                    f"The index of a point must be less than {self._ntotal}, the number of elements, got {index}."
                )
            self._in_order = False
        elif index < 0:
            raise ValueError(f"The index of a point must be 0 or more, got {index}.")
        return index

    def plot(self) -> Any:
        """Draw the values by index; see `adaptive_dask.plotting.sequence_learner.draw`."""
        return super().plot()

    # -- copies ----------------------------------------------------------------------------------

    def _pending_to_tell(self) -> list[Point]:
        return [(index, self._sequence[index]) for index in self.pending_points]

    def _set_data(self, data: Mapping[int, Any]) -> None:
        self.tell_many([(index, None) for index in data], data.values())


def _checked_sequence(sequence: Any) -> Any:
    if not isinstance(sequence, Sized) or not hasattr(sequence, "__getitem__") or isinstance(sequence, Mapping):
        raise TypeError(
            "sequence must have a length and elements by index, like a list; "
            f"a {type(sequence).__name__} does not. Give list(...) of it."
        )
    return copy(sequence)
