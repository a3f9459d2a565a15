"""The children of a learner combined: one function and one mapping of data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adaptive_dask.learner.batch_call import Split, call_batch
from adaptive_dask.learner.told_data import DataView

Function = Callable[..., Any]


class ChildFunctions:
    """Evaluates a point (index, x) with the function of the child at that index.

    It uses the current functions of the children. Its pickle contains only these functions.

    Parameters
    ----------
    learners : sequence of BaseLearner
    """

    def __init__(self, learners: Sequence[Any]) -> None:
        self._learners = learners

    def __call__(self, point: tuple[int, Any]) -> Any:
        index, x = point
        return self._learners[index].function(x)

    def call_batch(self, points: Sequence[tuple[int, Any]], split: Split | None = None) -> list[Any]:
        """Evaluate several points with vectorized functions."""
        return FunctionList(self.functions).call_batch(points, split)

    def __reduce__(self) -> tuple[type[FunctionList], tuple[list[Function]]]:
        return FunctionList, (self.functions,)

    @property
    def functions(self) -> list[Function]:
        """The current functions of the children."""
        return [learner.function for learner in self._learners]


class FunctionList:
    """Evaluates a point (index, x) with the function at that index."""

    def __init__(self, functions: list[Function]) -> None:
        self.functions = functions

    def __call__(self, point: tuple[int, Any]) -> Any:
        index, x = point
        return self.functions[index](x)

    def call_batch(self, points: Sequence[tuple[int, Any]], split: Split | None = None) -> list[Any]:
        """Evaluate several points, with one call for each child that has some of them."""
        of_children: dict[int, list[int]] = {}
        for place, (index, _) in enumerate(points):
            of_children.setdefault(index, []).append(place)
        values: list[Any] = [None] * len(points)
        for index, places in of_children.items():
            some = call_batch(self.functions[index], [points[place][1] for place in places], split)
            for place, value in zip(places, some, strict=True):
                values[place] = value
        return values


class ChildrenData(DataView[tuple[int, Any], Any]):
    """``{(index, x): y}`` of all children, a view of their data."""

    def __init__(self, learners: Sequence[Any]) -> None:
        super().__init__()
        self._learners = learners

    def __getitem__(self, point: tuple[int, Any]) -> Any:
        try:
            index, x = point
            return self._learners[index].data[x]
        except (TypeError, ValueError, IndexError):
            raise KeyError(point) from None

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return ((index, x) for index, learner in enumerate(self._learners) for x in learner.data)

    def __len__(self) -> int:
        return sum(len(learner.data) for learner in self._learners)
