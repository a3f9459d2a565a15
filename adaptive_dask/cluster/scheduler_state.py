"""The objects that the parts of a hosted run share: host, state and clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distributed import Scheduler

from adaptive_dask.cluster.scheduler_feed import Feed
from adaptive_dask.cluster.scheduler_holders import Holders
from adaptive_dask.cluster.scheduler_resources import HostResources
from adaptive_dask.cluster.scheduler_turns import LearnerTurns
from adaptive_dask.errors import AdaptiveError
from adaptive_dask.run.driver import Driver
from adaptive_dask.run.status import ENDED

if TYPE_CHECKING:
    from adaptive_dask.cluster.scheduler_run import HostedRun


@dataclass(frozen=True)
class Host:
    """The parts of the host that runs use.

    Attributes
    ----------
    scheduler : Scheduler
    resources : HostResources
    holders : Holders
    on_claim : callable
        Called when the number of slots that a run can use has changed.
    on_end : callable
        Called with a run that has ended.
    has_pages : bool
        True if the scheduler's dashboard shows the runs.
    """

    scheduler: Scheduler
    resources: HostResources
    holders: Holders
    on_claim: Callable[[], None]
    on_end: Callable[[HostedRun], None]
    has_pages: bool


class RunState:
    """The state of a run; lives on the scheduler's event loop.

    Parameters
    ----------
    feed : Feed
        Tells watchers that the state has changed.
    turns : LearnerTurns

    Attributes
    ----------
    status : str
        running, paused, finished, cancelled or failed.
    error : AdaptiveError or None
        Why the run failed.
    is_stopping : bool
        True if no more points are sent.
    is_cancelled : bool
    predecessors : dict of str to str
        Runs that have to finish before this one begins: names by id.
    wake : asyncio.Event
        Set if the learner has something to do.
    """

    def __init__(self, feed: Feed, turns: LearnerTurns) -> None:
        self.feed = feed
        self.turns = turns
        self.status = "running"
        self.error: AdaptiveError | None = None
        self.is_stopping = False
        self.is_cancelled = False
        self.predecessors: dict[str, str] = {}
        self.wake = asyncio.Event()

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def is_working(self) -> bool:
        """True unless the run is paused, waits for other runs, or has ended."""
        return self.status == "running" and not self.predecessors

    def set_status(self, status: str) -> None:
        self.status = status
        self.feed.change()

    def cancel(self) -> None:
        """End the run now. Functions that are being evaluated are not interrupted; their results are dropped."""
        self.is_cancelled = True
        self.turns.give_up_if_late()
        self.wake.set()

    def note_error(self, error: AdaptiveError) -> None:
        """Set the error of the run; only the first error is kept."""
        self.error = self.error or error

    def fail(self, error: AdaptiveError) -> None:
        """End the run with an error."""
        self.note_error(error)
        self.turns.give_up_if_late()
        self.wake.set()


class RunClock:
    """The duration of a run on the monotonic clock, and the time limit of its goal.

    Attributes
    ----------
    started, ended : float
        Seconds since the epoch; `ended` is None while the run continues.
    """

    def __init__(self) -> None:
        self.started = time.time()
        self.ended: float | None = None
        self._begun_at = time.monotonic()
        self._alarm: asyncio.TimerHandle | None = None

    def restart(self) -> None:
        """Set the start of the run to now."""
        self.started, self._begun_at = time.time(), time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun_at

    @property
    def elapsed(self) -> float:
        """The duration of the run so far, or in total if it has ended (seconds)."""
        return self.age if self.ended is None else self.ended - self.started

    def end(self) -> None:
        self.ended = self.started + self.elapsed

    def set_alarm(self, driver: Driver, wake: asyncio.Event) -> None:
        """Schedule a call that sets `Driver.time_is_up` and wakes the run when the time of its goal is up."""
        self.cancel_alarm()
        driver.time_is_up = False
        self._check(driver, wake)

    def cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _check(self, driver: Driver, wake: asyncio.Event) -> None:
        seconds = driver.goal.next_check(self.elapsed)
        if seconds:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._check, driver, wake)
        elif seconds is not None:
            driver.time_is_up = True
            wake.set()
