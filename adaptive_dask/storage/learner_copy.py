"""Copy learners, and copy data from one learner to another."""

from __future__ import annotations

import copy
from typing import Any

from adaptive_dask.learner.any_learner import children_of, wrapped_by
from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.subclasses import as_base


def copy_learner(learner: Any, other: Any) -> None:
    """Add the data of another learner of the same kind to a learner.

    Parameters
    ----------
    learner : BaseLearner
        Or a custom class without `copy_from`, which gets all attributes except the function.
    other : BaseLearner
    """
    if hasattr(learner, "copy_from"):
        if not isinstance(learner, BaseLearner) and hasattr(other, "_get_data") and hasattr(learner, "_set_data"):
            # Copies of python-adaptive share their dict with the original, so results of one would appear in the other.
            learner._set_data(copy.deepcopy(other._get_data()))
        else:
            learner.copy_from(other)
    else:
        learner.__dict__.update({**other.__dict__, "function": learner.function})


def empty_copy(learner: Any) -> Any:
    """Return an empty learner with the same settings and file names. `copy_learner` can add the data.

    Parameters
    ----------
    learner : BaseLearner
        The copy of a custom class without `new` shares its data with the original. Do not modify it.
    """
    if not hasattr(learner, "new"):
        return copy.copy(learner)
    new = learner.new()
    _copy_names(learner, new)
    return new


def working_copy(learner: Any) -> Any:
    """Return a copy for a run to work on, or the learner itself if it cannot be copied."""
    if not (hasattr(learner, "new") and hasattr(learner, "copy_from")):
        return learner  # a custom class with only `ask` and `tell`
    copy = empty_copy(learner)
    with as_base(copy):  # attributes set by an overridden `tell` are already copied
        copy_learner(copy, learner)
    return copy


def _copy_names(learner: Any, other: Any) -> None:
    if getattr(learner, "fname", None) is not None:
        other.fname = learner.fname
    if wrapped_by(learner) is not None and wrapped_by(other) is not None:
        _copy_names(learner.learner, other.learner)
    for child, other_child in zip(children_of(learner) or (), children_of(other) or (), strict=False):
        _copy_names(child, other_child)
