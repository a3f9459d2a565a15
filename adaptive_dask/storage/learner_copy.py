"""Add the data of a learner to another one."""

from __future__ import annotations

from typing import Any


def copy_learner(learner: Any, other: Any) -> None:
    """Add the data of another learner of the same kind to a learner.

    Parameters
    ----------
    learner : BaseLearner
        Or somebody's own, that cannot `copy_from`: that gets all but the function, which the other may lack.
    other : BaseLearner
    """
    if hasattr(learner, "copy_from"):
        learner.copy_from(other)
    else:
        learner.__dict__.update({**other.__dict__, "function": learner.function})
