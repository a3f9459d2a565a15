"""What the children of a learner are together: one function and one mapping of data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Function = Callable[..., Any]


class ChildFunctions:
    """Evaluates a point (index, x) with the function of the child that it belongs to.

    Where the children are it uses their functions of the moment; pickled, it is those functions only.

    Parameters
    ----------
    learners : sequence of BaseLearner
    """

    def __init__(self, learners: Sequence[Any]) -> None:
        self._learners = learners

    def __call__(self, point: tuple[int, Any]) -> Any:
        index, x = point
        return self._learners[index].function(x)

    def __reduce__(self) -> tuple[type[FunctionList], tuple[list[Function]]]:
        return FunctionList, ([learner.function for learner in self._learners],)


class FunctionList:
    """Evaluates a point (index, x) with the function at that index."""

    def __init__(self, functions: list[Function]) -> None:
        self.functions = functions

    def __call__(self, point: tuple[int, Any]) -> Any:
        index, x = point
        return self.functions[index](x)


class ChildrenData(Mapping[tuple[int, Any], Any]):
    """``{(index, x): y}`` of all children; it changes as they do."""

    def __init__(self, learners: Sequence[Any]) -> None:
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

    def __repr__(self) -> str:
        return repr(dict(self))
