"""The workers on which a run may have evaluators, if it needs resources or certain workers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from distributed import Scheduler
from distributed.scheduler import WorkerState

from adaptive_dask.cluster.protocol import MAX_HUNG_THREADS

Hung = Mapping[str, Mapping[str, tuple[str, int]]]


class Placement:
    """Counts the evaluators that fit on the cluster; lives on the scheduler's event loop.

    Parameters
    ----------
    scheduler : Scheduler
    tasks : dict
        The requirements of the tasks, see `RunSpec.tasks`.

    Attributes
    ----------
    workers : frozenset of str
        The only workers on which evaluators may be; empty if they may be on all.
    """

    def __init__(self, scheduler: Scheduler, tasks: dict[str, Any]) -> None:
        self._scheduler = scheduler
        self._resources: dict[str, float] = tasks.get("resources", {})
        self.workers: frozenset[str] = frozenset()
        if not tasks.get("allow_other_workers"):
            self.workers = frozenset(map(str, tasks.get("workers", ())))

    def capacity(self) -> float:
        """Return the number of evaluators that can work at once; infinite if they can use every thread."""
        if not self._resources and not self.workers:
            return math.inf
        return sum(int(min(worker.nthreads, self._resources_for(worker))) for worker in self._fitting())

    def waits_for(self, hung: Hung) -> str | None:
        """Return the condition that the first evaluator waits for; None if it can start.

        Parameters
        ----------
        hung : mapping
            See `Holders.hung`. Each of these calls holds its resources and, beyond `MAX_HUNG_THREADS`, its thread.
        """
        number = len(self._scheduler.workers)
        needs = ", ".join(f"{name}={amount:g}" for name, amount in self._resources.items())
        if number and self.capacity():
            return self._held(needs, hung)
        what = "a worker" + (f" with {needs}" if needs else "")
        if self.workers:
            what += f", one of {', '.join(sorted(self.workers))}"
        return f"{what}; " + (f"none of {number} is such" if number else "the cluster has none")

    def _held(self, needs: str, hung: Hung) -> str | None:
        """Return the runs whose hanging calls leave no resources or threads; None if there are some."""
        calls: dict[str, int] = {}
        holding = []
        for worker in self._fitting():
            places = self._resources_for(worker) if needs else worker.nthreads
            here = [
                (name, count - (0 if needs else MAX_HUNG_THREADS))
                for name, count in hung.get(worker.address, {}).values()
            ]
            here = [(name, count) for name, count in here if count > 0]
            if places > sum(count for _, count in here):
                return None
            if places:
                holding.append(worker.address)
                for name, count in here:
                    calls[name] = calls.get(name, 0) + count
        holders = " and ".join(f"{count} of the evaluations of run {name!r}" for name, count in calls.items())
        return (
            f"{needs or 'a thread'} on {', '.join(sorted(holding))}, held by {holders}, given up and still running; "
            "if they hang, restart the worker"
        )

    def _fitting(self) -> Iterator[WorkerState]:
        for worker in self._scheduler.workers.values():
            if not self.workers or not self.workers.isdisjoint((worker.address, str(worker.name), worker.host)):
                yield worker

    def _resources_for(self, worker: WorkerState) -> float:
        """Return the number of evaluators for which a worker has resources; infinite if they need none."""
        amounts = [worker.resources.get(name, 0.0) / amount for name, amount in self._resources.items()]
        return min((math.floor(amount + 1e-9) for amount in amounts), default=math.inf)
