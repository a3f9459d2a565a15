"""The children of learners whose data are stored one child after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adaptive_dask.learner.balancing_learner import BalancingLearner
from adaptive_dask.learner.data_saver import DataSaver
from adaptive_dask.learner.picked import ExtraData


def children_of(learner: Any) -> Sequence[Any] | None:
    """Return the children of a `BalancingLearner`, or None.

    The children of a `BalancingLearner` in a `DataSaver` are data savers as well, with separate results.
    """
    if isinstance(learner, BalancingLearner):
        return learner.learners
    if not isinstance(learner, DataSaver):
        return None
    children = children_of(learner.learner)
    if children is None:
        return None
    extra: list[dict[Any, Any]] = [{} for _ in children]
    for (index, x), result in learner.extra_data.items():
        extra[index][x] = result
    savers = [type(learner)(child, learner.arg_picker, **learner._settings) for child in children]
    for saver, results in zip(savers, extra, strict=True):
        saver.extra_data = ExtraData(results)
    return savers


def first_leaf(learner: Any) -> Any:
    """Return the learner itself, or the first child that has no children."""
    children = children_of(learner)
    return learner if children is None else first_leaf(children[0])


def index_name_of(child: Any, index_name: str) -> str | None:
    """Return the name of the index of a child's children: "learner_index_2" in "learner_index"; None without any."""
    if children_of(child) is None:
        return None
    name, _, depth = index_name.rpartition("_")
    return f"{name}_{int(depth) + 1}" if name and depth.isdecimal() else f"{index_name}_2"
