"""What anybody may read of a session, from any thread, while it is at work."""

from __future__ import annotations

import math
import time
from typing import Any

from adaptive_dask.plain import plain
from adaptive_dask.run.session import Session
from adaptive_dask.user_code import reraise_interrupt

# The loss is for people to look at: it may take so much of the learner's time.
LOSS_SHARE = 0.02
LOSS_INTERVAL = 0.1  # seconds


class Glance:
    """A few numbers of a session; not always the newest.

    Parameters
    ----------
    session : Session

    Attributes
    ----------
    npoints, failed, waiting : int
        Points that are known, that failed for good, and that wait to be evaluated again.
    loss : float
    counts : dict of str to int
        ``"retries"``, ``"timeouts"`` and ``"lost"``: how many evaluations failed and were repeated, took longer than
        ``point_timeout``, and were under way when their worker died. ``"nsamples"`` where these are not the points.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.npoints = plain(session.npoints)  # losses are sent together with it
        self.failed = self.waiting = 0
        self.loss = math.nan
        self.counts: dict[str, int] = {}
        self._next_loss = 0.0
        self.look(force=True)

    def look(self, force: bool = False) -> None:
        """Look again; in the session's thread. The loss is computed now and then, or when forced."""
        session = self._session
        self.npoints = plain(session.npoints)  # losses are sent together with it
        self.failed = session.book.failed_count
        self.waiting = len(session.points.waiting)
        self.counts = _count(session)
        now = time.monotonic()
        if force or now >= self._next_loss:
            try:
                self.loss = float(session.learner.loss())
            except BaseException as error:  # for people to look at; where it matters, in a goal, errors are the run's
                reraise_interrupt(error)
                self.loss = math.nan
            cost = time.monotonic() - now
            self._next_loss = now + max(LOSS_INTERVAL, cost / LOSS_SHARE)


def _count(session: Session) -> dict[str, int]:
    counts = {"retries": session.book.retry_count, "timeouts": session.book.timeout_count, "lost": session.blamed_count}
    try:
        nsamples = int(session.learner.nsamples)
    except BaseException as error:  # it has none, or is somebody's own
        reraise_interrupt(error)
        return counts
    return counts if nsamples == session.npoints else {**counts, "nsamples": nsamples}


def details(session: Session, log_from: int = 0) -> dict[str, Any]:
    """Points on their way, failures, and the log from some entry on; in the session's thread."""
    return {
        "pending_points": list(session.points.in_flight.items()),
        "failed": session.book.failed,
        "failures": session.book.all,
        "tracebacks": session.book.tracebacks,
        "to_retry": session.book.to_retry,
        "log": None if session.log is None else session.log[log_from:],
    }
