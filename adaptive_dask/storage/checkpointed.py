"""A session with or without a checkpoint: what every way of running starts from."""

from __future__ import annotations

from typing import Any

from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session
from adaptive_dask.storage.checkpoint import Checkpoint


def make_session(
    learner: Any, goal: Goal, checkpoint: Checkpoint | None, *, functions: list[bytes], **options: Any
) -> Session:
    """A session of a learner, which goes on where the last one that wrote to the checkpoint ended.

    Parameters
    ----------
    learner : BaseLearner
        It is told what is in the checkpoint.
    goal : Goal
    checkpoint : Checkpoint or None
        To be closed when the session has ended. If it cannot begin, it is closed here.
    functions : list of bytes
        The learner's functions, pickled, for who loads the checkpoint.
    **options
        Further arguments of `Session`.

    Returns
    -------
    session : Session

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be used.
    AdaptiveError
        If goal or learner raise at once.
    """
    try:
        if checkpoint is None:
            session = Session(learner, goal, **options)
        else:
            resumed = checkpoint.begin(learner, functions)
            session = Session(learner, goal, journal=checkpoint.writer, **options)
            session.resume(resumed.asked, resumed.held, resumed.told)
        if session.error is not None:
            raise session.error
    except BaseException:
        if checkpoint is not None:
            checkpoint.close()
        raise
    return session
