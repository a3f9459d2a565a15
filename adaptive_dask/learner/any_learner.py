"""Optional features of learners of any class, including those that are not derived from `BaseLearner`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def is_learner(value: Any) -> bool:
    """Return True if an object, which is not a class, has `ask` and `tell`."""
    return not isinstance(value, type) and hasattr(value, "ask") and hasattr(value, "tell")


def children_of(learner: Any) -> Sequence[Any] | None:
    """Return the learners of a `BalancingLearner`, or None if a learner has no children."""
    children: Sequence[Any] | None = getattr(learner, "learners", None)
    return children


def wrapped_by(learner: Any) -> Any:
    """Return the learner that a `DataSaver` wraps, or None if a learner wraps no other."""
    return getattr(learner, "learner", None)


def nested(learner: Any) -> Iterator[Any]:
    """Iterate over a learner, those that it wraps and its children; calls none of their properties."""
    yield learner
    attributes = getattr(learner, "__dict__", {})
    children = attributes.get("_learners", attributes.get("learners"))
    for each in (attributes.get("learner"), *(children if isinstance(children, Sequence) else ())):
        if hasattr(each, "ask"):
            yield from nested(each)


def tell_all(learner: Any, points: Sequence[Any], values: Sequence[Any]) -> None:
    """Tell results to a learner: together, or one by one if it has only `tell`."""
    if hasattr(learner, "tell_many"):
        learner.tell_many(points, values)
    else:
        for point, value in zip(points, values, strict=True):
            learner.tell(point, value)
