"""Create the session of a run, with or without a checkpoint."""

from __future__ import annotations

from typing import Any

from adaptive_dask.run.goals import Goal
from adaptive_dask.run.session import Session
from adaptive_dask.storage.checkpoint import Checkpoint


def make_session(
    learner: Any, goal: Goal, checkpoint: Checkpoint | None, *, functions: list[bytes], **options: Any
) -> Session:
    """Create a session that resumes from a checkpoint, if there is one.

    Parameters
    ----------
    learner : BaseLearner
        It is told the results in the checkpoint.
    goal : Goal
    checkpoint : Checkpoint or None
        The caller closes it when the session has ended. It is closed here if an error is raised.
    functions : list of bytes
        The pickled functions of the learner, for `load`.
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
        If the goal or the learner raises an error.
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
