"""The slots of a hosted run: the number that it can use, its evaluators, and its reason to wait."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

import dask
from dask.utils import parse_timedelta
from distributed import Client

from adaptive_dask.cluster.loading import missing_module
from adaptive_dask.cluster.protocol import RunSpec
from adaptive_dask.cluster.scheduler_assignments import Assignments
from adaptive_dask.cluster.scheduler_evaluators import Evaluators
from adaptive_dask.cluster.scheduler_placement import Placement
from adaptive_dask.cluster.scheduler_sender import PointSender
from adaptive_dask.cluster.scheduler_shares import Claim
from adaptive_dask.cluster.scheduler_state import Host, RunState
from adaptive_dask.errors import AdaptiveError, ModuleMissingError
from adaptive_dask.plain import safe_repr
from adaptive_dask.run.driver import Driver

# Dask's setting of the time after which a cluster gives up a worker that died.
LOST_WORKER_SETTING = "distributed.deploy.lost-worker-timeout"

# A run without a slot for this time (seconds) names the runs or tasks that have the slots.
LONG_WAIT_S = 2.0

# If the learner limits the number of slots, the number is updated in this interval (seconds) even if no results arrive.
COUNT_INTERVAL_S = 1.0

_MAX_SLOTS = 2**31


class RunSlots:
    """The slots that a run claims and has; lives on the scheduler's event loop.

    Parameters
    ----------
    spec : RunSpec
    host : Host
    state : RunState
    assignments : Assignments
    sender : PointSender
    driver : Driver

    Attributes
    ----------
    hung : dict of str to int
        Threads in calls that were given up, by worker.
    workers_died : int
        Workers that were killed while they had points of the run.
    """

    def __init__(
        self,
        spec: RunSpec,
        host: Host,
        state: RunState,
        assignments: Assignments,
        sender: PointSender,
        driver: Driver,
    ) -> None:
        self.assignments = assignments
        self.on_claim = host.on_claim
        self.hung: dict[str, int] = {}
        self.workers_died = 0
        self._spec = spec
        self._host = host
        self._state = state
        self._sender = sender
        self._driver = driver
        self._placement = Placement(host.scheduler, spec.tasks)
        self._evaluators: Evaluators | None = None
        self._wanted: int | None = None  # number of usable slots; None if it does not matter
        self._count_timer: asyncio.TimerHandle | None = None
        self._head_start = 0.0
        self._waits_for: str | None = None
        self._waiting_since = math.inf  # for the first evaluator

    def start(self, client: Client, served: float) -> None:
        """Submit evaluators when slots are allotted; `served` is the initial value of `Claim.served`."""
        self._head_start = served
        self._evaluators = Evaluators(
            self._spec.id, self._host.scheduler, client, self.on_claim, self._fail, self._spec.tasks
        )

    async def release(self) -> None:
        """Release all evaluators; return when no more can start. Running ones leave by themselves or by a message."""
        if self._evaluators is not None:
            await self._evaluators.release()

    async def end(self) -> None:
        """Wait until all evaluators are released, and break the reference cycle: a forgotten run is freed at once."""
        if self._evaluators is not None:
            await self._evaluators.released()
        self._evaluators = None
        if self._count_timer is not None:
            self._count_timer.cancel()

    @property
    def evaluators(self) -> int:
        """The number of evaluator tasks."""
        return len(self._evaluators) if self._evaluators else 0

    def has_evaluator_on(self, worker: str) -> bool:
        """Return True if Dask has sent an evaluator to a worker."""
        return self._evaluators is not None and self._evaluators.has_task_on(worker)

    def did_work(self) -> None:
        """Record that evaluators work."""
        if self._evaluators is not None:
            self._evaluators.did_work()

    def note_hung(self, worker: str, count: int, tasks: Sequence[str] = ()) -> None:
        """Record the number of calls on a worker that were given up but continue; their `tasks` no longer count."""
        if count != self.hung.get(worker, 0):
            self._state.feed.change_soon()
            self._host.holders.note_hung(worker, self._spec.id, self._spec.name, count)
        if count:
            self.hung[worker] = count
        else:
            self.hung.pop(worker, None)
        if tasks and self._evaluators is not None:
            self._evaluators.give_up(tasks)
            self.on_claim()

    # ---- sharing the cluster with other runs

    def claim(self) -> Claim:
        """Return the claim of the run."""
        served = self._head_start + self.assignments.slot_seconds / self._spec.weight
        wanted = int(min(self._demand(), self._placement.capacity()))
        return Claim(self._spec.weight, wanted, self.assignments.useful_slots, served)

    def allot(self, slots: int, spare: int, *, give_up: bool, is_crowded: bool) -> None:
        """Use `slots` slots, let `spare` more evaluators wait, and with `give_up` return the slots beyond these."""
        self.assignments.is_crowded = is_crowded
        if self._evaluators is None or self._state.is_stopping:
            return
        capacity = self._placement.capacity()
        if capacity < self._demand():  # these evaluators may need workers that do not exist yet
            spare = max(spare, 1 + int(capacity) // 2)
        self._update_wait()
        useful = self.assignments.useful_slots
        # Evaluators on workers without time for a point must not prevent evaluators on other workers.
        self._evaluators.adjust(self.assignments.slots, slots + self.assignments.slots - useful, spare)
        if give_up and useful > slots:
            for worker, number in self.assignments.most_slots(useful - slots).items():
                self._sender.stop(worker, keep=self.assignments.loads[worker].slots - number)

    def place_again(self) -> None:
        """Submit evaluators without a worker again, because Dask considers a new worker only for new tasks."""
        if self._evaluators is not None and self._placement.workers:
            self._evaluators.withdraw_unplaced()

    def count_wanted(self) -> None:
        """Update the number of slots that the run can use, after a step of the learner."""
        wanted = None
        feedable = self.assignments.feedable_slots
        if self._sender.has_no_more:
            points = self.assignments.in_flight + len(self._sender.unsent) + self._driver.waiting
            wanted = max(1, math.ceil(points / self.assignments.points_per_slot))
        elif feedable < self._host.scheduler.total_nthreads:
            wanted = self._wanted
            if wanted is None or not wanted / 4 < feedable <= wanted:  # otherwise it would change with each measurement
                wanted = 2 ** math.ceil(math.log2(feedable))
            if self._count_timer is None:
                self._count_timer = asyncio.get_running_loop().call_later(COUNT_INTERVAL_S, self._count_again)
        if wanted != self._wanted:
            self._wanted = wanted
            self.on_claim()

    def _count_again(self) -> None:
        self._count_timer = None
        if not self._state.is_stopping:
            self.count_wanted()

    def _demand(self) -> int:
        """Return the number of slots that the run could use on an infinite cluster."""
        if self._state.is_stopping or not self._state.is_working or self._evaluators is None:
            return 0
        points = self.assignments.in_flight or self._sender.unsent or self._driver.waiting
        if self._sender.asks_no_more and not points:
            return 0  # the last results have arrived, and are about to be told
        ntasks = self._spec.evaluation.ntasks
        return min(_MAX_SLOTS if self._wanted is None else self._wanted, ntasks or _MAX_SLOTS)

    # ---- waiting for a slot

    @property
    def waits_for(self) -> str | None:
        """The condition that the run waits for; None if it has a slot."""
        return None if self.assignments.slots else self._waits_for

    def _update_wait(self) -> None:
        is_waiting = self._state.is_working and not self.assignments.slots and not self._state.is_stopping
        waits_for, now = None, time.monotonic()
        if not is_waiting:
            self._waiting_since = math.inf
        elif self._waiting_since == math.inf:
            self._waiting_since = now
            asyncio.get_running_loop().call_later(LONG_WAIT_S, self.on_claim)
        if is_waiting:
            waits_for = self._placement.waits_for(self._host.holders.hung)
            if self.workers_died and not self._host.scheduler.workers:
                waits_for = f"{waits_for}. {self._why_no_worker_comes(now)}"
            if waits_for is None and self._demand() and now >= self._waiting_since + LONG_WAIT_S:
                waits_for = self._host.holders.threads()
        if waits_for != self._waits_for:
            self._waits_for = waits_for
            self._state.feed.change()

    def _why_no_worker_comes(self, now: float) -> str:
        text = f"{self.workers_died} died while they had points of this run; their logs may say why"
        timeout = parse_timedelta(dask.config.get(LOST_WORKER_SETTING)) + LONG_WAIT_S
        left = self._waiting_since + timeout - now
        if left > 0:
            asyncio.get_running_loop().call_later(left, self.on_claim)
            return text
        return (
            f"{text}. A LocalCluster gives up workers that die and are not back within {LOST_WORKER_SETTING}: set that "
            "to more than it takes to start one, and have the cluster start others with cluster.scale(n)"
        )

    def _fail(self, error: BaseException) -> None:
        module = missing_module(error)
        if module is not None:
            self._state.fail(ModuleMissingError("A worker cannot load the evaluator", module, str(error)))
        else:
            self._state.fail(AdaptiveError(f"The evaluators of the run fail: {safe_repr(error)}"))
