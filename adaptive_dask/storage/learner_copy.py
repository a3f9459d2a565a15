"""Copy learners, and the data of a learner to another one."""

from __future__ import annotations

import copy
from typing import Any

from adaptive_dask.learner.base_learner import BaseLearner
from adaptive_dask.learner.subclasses import as_base


def copy_learner(learner: Any, other: Any) -> None:
    """Add the data of another learner of the same kind to a learner.

    Parameters
    ----------
    learner : BaseLearner
        Or somebody's own, that cannot `copy_from`: that gets all but the function, which the other may lack.
    other : BaseLearner
    """
    if hasattr(learner, "copy_from"):
        if not isinstance(learner, BaseLearner) and hasattr(other, "_get_data") and hasattr(learner, "_set_data"):
            # python-adaptive's copies share their dict with the original: what one is told, the other would know.
            learner._set_data(copy.deepcopy(other._get_data()))
        else:
            learner.copy_from(other)
    else:
        learner.__dict__.update({**other.__dict__, "function": learner.function})


def empty_copy(learner: Any) -> Any:
    """A learner like another one, and with its file names, to which `copy_learner` can add the data.

    Parameters
    ----------
    learner : BaseLearner
        Of somebody's own without `new`, the copy has the very same data: it may be looked at, no more.
    """
    if not hasattr(learner, "new"):
        return copy.copy(learner)
    new = learner.new()
    _copy_names(learner, new)
    return new


def working_copy(learner: Any) -> Any:
    """A learner with the same data for a run to work on; the learner itself if it cannot be copied."""
    if not (callable(getattr(learner, "new", None)) and callable(getattr(learner, "copy_from", None))):
        return learner  # somebody's own, with ask and tell only
    copy = empty_copy(learner)
    with as_base(copy):  # what an overridden `tell` noted is in the copy already
        copy_learner(copy, learner)
    return copy


def _copy_names(learner: Any, other: Any) -> None:
    if getattr(learner, "fname", None) is not None:
        other.fname = learner.fname
    if hasattr(learner, "learner") and hasattr(other, "learner"):  # in a `DataSaver`
        _copy_names(learner.learner, other.learner)
    for child, other_child in zip(getattr(learner, "learners", ()), getattr(other, "learners", ()), strict=False):
        _copy_names(child, other_child)
