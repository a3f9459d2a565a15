"""A session with or without a checkpoint: what every way of running starts from."""

from __future__ import annotations

from typing import Any

from adaptive_dask.goals import Goal
from adaptive_dask.session import Session
from adaptive_dask.storage.checkpoint import Checkpoint


def make_session(
    learner: Any, goal: Goal, checkpoint: str | None, *, run: str, functions: list[bytes], **options: Any
) -> tuple[Session, Checkpoint | None]:
    """A session of a learner, which goes on where the last one that wrote to the checkpoint ended.

    Parameters
    ----------
    learner : BaseLearner
        It is told what is in the checkpoint.
    goal : Goal
    checkpoint : str or None
        A folder or URL.
    run : str
        The name of the run.
    functions : list of bytes
        The learner's functions, pickled, for who loads the checkpoint.
    **options
        Further arguments of `Session`.

    Returns
    -------
    session : Session
    checkpoint : Checkpoint or None
        To be closed when the session has ended.

    Raises
    ------
    CheckpointError
        If it cannot be used.
    AdaptiveError
        If goal or learner raise at once. The checkpoint is closed then.
    """
    opened = None
    if checkpoint is None:
        session = Session(learner, goal, **options)
    else:
        opened = Checkpoint(checkpoint, run)
        resumed = opened.begin(learner, functions)
        try:
            session = Session(learner, goal, journal=opened.writer, **options)
            session.resume(resumed.asked, resumed.held, resumed.told)
        except BaseException:
            opened.close()
            raise
    if session.error is not None:
        if opened is not None:
            opened.close()
        raise session.error
    return session, opened
