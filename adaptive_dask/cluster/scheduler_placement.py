"""Where the evaluators of a run may be, when it asked for resources or for workers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Scheduler
    from distributed.scheduler import WorkerState


class Placement:
    """How many evaluators there is room for; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    tasks : dict
        What the tasks ask of Dask.
    """

    def __init__(self, scheduler: Scheduler, tasks: dict[str, Any]) -> None:
        self._scheduler = scheduler
        self._resources: dict[str, float] = tasks.get("resources", {})
        self._workers: frozenset[str] = frozenset()
        if not tasks.get("allow_other_workers"):
            self._workers = frozenset(map(str, tasks.get("workers", ())))

    @property
    def names_workers(self) -> bool:
        """Whether only certain workers will do."""
        return bool(self._workers)

    def capacity(self) -> float:
        """How many evaluators can be at work at once; infinite where every thread of the cluster will do."""
        if not self._resources and not self._workers:
            return math.inf
        return sum(self._room_on(worker) for worker in self._fitting())

    def waits_for(self) -> str | None:
        """What there has to be before an evaluator can come; None if there is all of it."""
        number = len(self._scheduler.workers)
        if number and self.capacity():
            return None
        needs = [f"{name}={amount:g}" for name, amount in self._resources.items()]
        what = "a worker" + (f" with {', '.join(needs)}" if needs else "")
        if self._workers:
            what += f", one of {', '.join(sorted(self._workers))}"
        return f"{what}; " + (f"none of {number} is such" if number else "the cluster has none")

    def _fitting(self) -> Iterator[WorkerState]:
        for worker in self._scheduler.workers.values():
            if not self._workers or not self._workers.isdisjoint((worker.address, str(worker.name), worker.host)):
                yield worker

    def _room_on(self, worker: WorkerState) -> int:
        amounts = [worker.resources.get(name, 0.0) / amount for name, amount in self._resources.items()]
        return math.floor(min([worker.nthreads, *amounts]) + 1e-9)
