"""Intake of the reports of workers about a hosted run; nothing here may raise an error."""

from __future__ import annotations

import math
import time

from distributed import Scheduler

from adaptive_dask.cluster.protocol import Report
from adaptive_dask.cluster.scheduler_history import ProgressHistory
from adaptive_dask.cluster.scheduler_learner import HostedLearner, Inbox
from adaptive_dask.cluster.scheduler_sender import PointSender
from adaptive_dask.cluster.scheduler_slots import RunSlots
from adaptive_dask.cluster.scheduler_state import RunState
from adaptive_dask.errors import AdaptiveError, ModuleMissingError
from adaptive_dask.logs import get_logger

logger = get_logger(__name__)

# A measured round trip that takes longer is ignored (seconds).
MAX_ROUND_TRIP_S = 600.0


class ReportIntake:
    """Takes the reports of workers, and handles lost workers; lives on the scheduler's event loop.

    Parameters
    ----------
    name : str
        The name of the run.
    scheduler : Scheduler
    state : RunState
    learner : HostedLearner
    sender : PointSender
    slots : RunSlots

    Attributes
    ----------
    inbox : Inbox
        The outcomes that the learner was not told yet.
    history : ProgressHistory
    unfit : dict of str to str
        Workers that cannot load the function although others can, with the reason.
    """

    def __init__(
        self,
        name: str,
        scheduler: Scheduler,
        state: RunState,
        learner: HostedLearner,
        sender: PointSender,
        slots: RunSlots,
    ) -> None:
        self._name = name
        self._scheduler = scheduler
        self._state = state
        self._learner = learner
        self._sender = sender
        self._slots = slots
        self._assignments = slots.assignments
        self.inbox = Inbox(learner.note_arrivals)
        self.history = ProgressHistory()
        self.unfit: dict[str, str] = {}

    def take_inbox(self) -> Inbox:
        """Return the inbox, and replace it by a new one."""
        inbox, self.inbox = self.inbox, Inbox(self._learner.note_arrivals)
        return inbox

    def report(self, worker: str, report: Report) -> None:
        """Take the report of a worker."""
        if self._state.has_ended:
            return
        self._assignments.measure(report.durations, _round_trip(report))
        self._take_outcomes(worker, report)
        # A retiring worker was removed already, and continues to report for some time.
        if report.slots is not None and worker in self._scheduler.workers:
            self._set_slots(worker, report.slots, report.places, report.lifetime)
            self._slots.note_hung(worker, report.hung, report.given_up)
            if self._state.is_stopping and report.slots == 0:
                self._assignments.drop(worker)  # points that were not started before the worker was told to stop
            elif self._state.is_stopping:
                self._sender.stop(worker)  # an evaluator may have joined after the stop message
        if report.ids or report.failures:
            self._slots.did_work()
        if report.broken is not None:
            self.cannot_work(worker, _broken(worker, *report.broken))
        self._state.wake.set()

    def expect_evaluator(self, worker: str, lifetime: tuple[float, float] | None) -> None:
        """Count an evaluator that requests the function, so that it gets points together with the function."""
        if self._slots.has_evaluator_on(worker) and worker not in self.unfit:
            self._set_slots(worker, 1, None, lifetime)
            self._state.wake.set()

    def lose(self, worker: str, *, blame: bool) -> None:
        """Take back the points of a lost worker; with `blame`, the points that it had started are blamed."""
        if blame and self._assignments.has_points_on(worker):
            self._slots.workers_died += 1
        blame = blame or self._assignments.lifetimes.is_over(worker)
        self._slots.note_hung(worker, 0)
        self.unfit.pop(worker, None)
        ids, begun = self._assignments.drop(worker)
        if ids and not self._state.is_stopping:
            self.inbox.lost.append((ids, begun if blame else set()))
        self._state.wake.set()

    def cannot_work(self, worker: str, error: AdaptiveError) -> None:
        """Continue without a worker that cannot load the function; fail if no other worker has evaluated a point."""
        if worker in self.unfit:
            return
        if any(count.evaluated for other, count in self.history.workers.items() if other != worker):
            logger.warning("Run %r continues without a worker: %s", self._name, error)
            self.unfit[worker] = str(error)
            self._state.feed.change()
        else:
            self._state.fail(error)

    def _take_outcomes(self, worker: str, report: Report) -> None:
        if report.ids or report.failures:
            self.history.note_work(self._learner.cpu_seconds)
            failures = len(report.failures)
            self.history.note_evaluations(worker, report.durations, failures, report.seconds_of_failures)
        if report.ids:
            # Late results count as well: the session ignores points that have an outcome.
            self._assignments.take_back(worker, report.ids)
            self.inbox.add_outcomes(report.ids, report.values)
        if report.failures:
            self._assignments.take_back(worker, report.failures)
            self.inbox.failures += [
                (pid, text, error, worker, report.log) for pid, (text, error) in report.failures.items()
            ]
        if report.returned:
            taken = self._assignments.take_back(worker, report.returned)
            if taken and not self._state.is_stopping:
                self.inbox.lost.append((taken, set()))

    def _set_slots(self, worker: str, reported: int, places: int | None, lifetime: tuple[float, float] | None) -> None:
        slots = min(reported, self._scheduler.workers[worker].nthreads)
        if places is not None and slots < reported:
            places = math.ceil(places * slots / reported)
        self._assignments.set_slots(worker, slots, lifetime, places)
        if slots and self.unfit.pop(worker, ""):
            self._state.feed.change()
        lifetimes = self._assignments.lifetimes
        if slots and lifetimes and not self._state.is_stopping and not lifetimes.allow(worker, lifetimes.need):
            self._sender.send_to(worker)
            self._slots.on_claim()


def _round_trip(report: Report) -> float | None:
    """Return the time of a message to the worker and back in seconds; None if it is unknown or implausible."""
    if report.echo is None:
        return None
    seconds = time.monotonic() - report.echo[0] - report.echo[1]
    return seconds if 0 <= seconds < MAX_ROUND_TRIP_S else None


def _broken(worker: str, module: str | None, text: str) -> AdaptiveError:
    what = f"Worker {worker} cannot load the function"
    return ModuleMissingError(what, module, text) if module else AdaptiveError(f"{what}:\n\n{text}")
